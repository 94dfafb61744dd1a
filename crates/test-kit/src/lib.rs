//! Shared code of the services' tests. Only a dev-dependency.
//!
//! # Layout
//!
//! - [`scratch`]: creates a database and an event log for one test.
//! - [`client`]: sends requests to a router, without a socket.
//! - [`fleet`]: delivers events to a service, and reads the events that it publishes.
//! - [`log`]: captures log lines.
//! - [`pages`]: checks the promises of every list about its pages.
//! - [`upstream`]: fakes another service, which responds, hangs, disconnects or is unreachable.
//! - [`snapshot`]: compares the OpenAPI description with the checked-in one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod client;
pub mod fleet;
pub mod log;
pub mod pages;
pub mod scratch;
pub mod snapshot;
pub mod upstream;

pub use client::{Answer, Client};
pub use scratch::Scratch;
pub use upstream::FakeUpstream;

//! What the services' tests share. A dev-dependency only.
//!
//! # Layout
//!
//! - [`scratch`]: a database and an event log of a test's own.
//! - [`client`]: requests to a router, without a socket.
//! - [`fleet`]: events delivered by hand, and what a service said in return.
//! - [`log`]: the log lines that a test's work writes.
//! - [`pages`]: what every list promises about its pages.
//! - [`upstream`]: another service that answers, hangs, breaks off, or is not there.
//! - [`snapshot`]: the checked-in OpenAPI description.
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

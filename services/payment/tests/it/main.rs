//! Tests of the service through its interfaces: requests and events in, responses and events out. The event
//! log is real.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app;
mod canceling;
mod inquiring;
mod keys;
mod lost_answers;
mod model;
mod pages;
mod paying;
mod process;
mod provider;
mod refunding;
mod round_trips;
mod wire;

//! The service from outside: requests and events in, responses and events out. The event log is real.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod anew;
mod app;
mod granting;
mod pages;
mod round_trips;
mod waiting;
mod wire;

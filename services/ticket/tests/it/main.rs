//! The service from outside: requests and events in, responses and events out. Point is a fake; the event log
//! is real.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app;
mod cancel;
mod cancel_elsewhere;
mod collect;
mod issue;
mod pages;
mod reconcile;
mod refusing;
mod round_trips;
mod wire;

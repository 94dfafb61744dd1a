//! The service as its neighbours see it: requests in, answers and events out. The event log is real.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app;
mod canceling;
mod inquiring;
mod keys;
mod model;
mod pages;
mod paying;
mod process;
mod provider;
mod refunding;
mod round_trips;
mod unheard;
mod wire;

//! The service from outside: events in, responses out. The event log is real.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app;
mod catch_up;
mod gate;
mod held;
mod pages;
mod rebuild;
mod round_trips;
mod story;
mod wire;

//! The service from outside: requests in, responses and events out. Payment is a fake; the event log is real.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app;
mod attempts;
mod booking;
mod cancel;
mod held;
mod holding;
mod names;
mod occupancy;
mod ordering;
mod pages;
mod payments;
mod reconciling;
mod repeating;
mod retention;
mod round_trips;
mod running;
mod screenings;
mod seats;
mod started;
mod upgrade;
mod wire;

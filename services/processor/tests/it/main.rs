//! Tests of the payment provider through HTTP.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app;
mod canceling;
mod charging;
mod concurrent;
mod faults;
mod ledger;
mod process;
mod wire;

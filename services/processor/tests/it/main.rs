//! The payment provider through its door.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app;
mod at_once;
mod canceling;
mod charging;
mod faults;
mod ledger;
mod process;
mod wire;

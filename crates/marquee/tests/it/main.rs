//! The fleet as its users meet it: real processes, started by the binary itself.
//!
//! - `fleet`: starts one for a test, and ends all of it afterwards, also when the test panics.
//! - `clients`: customers who book all the while.
//! - `seed_commands`: the list of the seeds' commands.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cancel;
mod clients;
mod crashes;
mod fleet;
mod launcher;
mod scenario;
mod seed_commands;
mod servers;
mod wait;
mod wrong_input;

//! The fleet as its users meet it: real processes, started by the binary itself.
//!
//! - `fleet`: starts one for a test, and ends all of it afterwards, also when the test panics.
//! - `clients`: customers who book all the while.
//! - `topic`: what the event log itself holds.
//! - `seed_commands`: the list of the seeds' commands.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod backends_wrong;
mod backup;
mod cancel;
mod clients;
mod compose;
mod crash_points;
mod crashes;
mod dlq;
mod fleet;
mod hosts;
mod interop;
mod launcher;
mod manifests;
mod model;
mod output;
mod pages;
mod pipeline;
mod rebuild;
mod replicas;
mod restore;
mod scenario;
mod seed_commands;
mod servers;
mod supply_chain;
mod topic;
mod wait;
mod wrong_input;

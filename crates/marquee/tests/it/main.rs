//! Tests the fleet as its users run it: real processes, started by the binary itself.
//!
//! - `fleet`: starts a fleet for a test, and kills it afterwards, also if the test panics.
//! - `clients`: clients that book continuously.
//! - `topic`: reads the event log itself.
//! - `seed_commands`: the commands of the seed's documentation.

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
mod links;
mod log_lines;
mod manifests;
mod model;
mod monitoring;
mod operate;
mod output;
mod pages;
mod pipeline;
mod readme;
mod rebuild;
mod replicas;
mod restore;
mod scenario;
mod seed_commands;
mod servers;
mod supply_chain;
mod topic;
mod traces;
mod upgrade;
mod verify;
mod wait;
mod wrong_input;

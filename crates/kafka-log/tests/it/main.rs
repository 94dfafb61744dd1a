//! The properties of Kafka's transport beyond the contract of all transports.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
#[path = "../../../event-log/tests/shared/records.rs"]
mod records;
mod security;
mod topic;

//! What Kafka does beyond the contract that both transports keep.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod security;
mod topic;

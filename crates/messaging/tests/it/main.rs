//! The contract of the transports; outbox, relay, inbox and consumer on both of them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod consumer;
mod dead_letters;
mod events_url;
mod fenced;
mod log;
#[path = "../../../event-log/tests/shared/records.rs"]
mod records;
mod recreated;
mod relay;
mod transport;

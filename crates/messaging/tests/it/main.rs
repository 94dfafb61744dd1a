//! The promises of transport, outbox, inbox and consumer.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod anew;
mod consumer;
mod dead_letters;
mod events_url;
mod fenced;
mod log;
mod relay;
mod transport;

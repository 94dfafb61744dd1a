//! The promises of transport, outbox, inbox and consumer.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod anew;
mod consumer;
mod dead_letters;
mod fenced;
mod kafka;
mod log;
mod relay;
mod security;
mod transport;

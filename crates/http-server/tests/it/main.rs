#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod bodies;
mod connections;
mod deadline;
mod holding;
mod hosts;
mod outliving;
mod process;
mod readiness;
mod unread;

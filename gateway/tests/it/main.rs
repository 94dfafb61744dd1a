//! The gateway over real connections, in front of upstreams that do what a test needs.

#![expect(clippy::unwrap_used, reason = "a test that panics tells what it needed")]

mod app;
mod upstreams;

mod cors;
mod docs;
mod failures;
mod headers;
mod limits;
mod overload;
mod probes;
mod process;
mod replicas;
mod routing;
mod streams;
mod unread;

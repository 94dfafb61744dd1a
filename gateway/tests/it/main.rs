//! The gateway over real connections, in front of upstreams that behave as a test needs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app;
mod upstreams;

mod audit;
mod cors;
mod desync;
mod docs;
mod failures;
mod forwarding;
mod framing;
mod headers;
mod host;
mod limits;
mod overload;
mod pages;
mod probes;
mod problems;
mod process;
mod replicas;
mod root;
mod routing;
mod staff;
mod streams;
mod unread;

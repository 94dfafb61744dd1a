//! The pool against upstreams that a test controls byte by byte.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod desync;
mod framing;
mod retried;
mod reuse;
mod upstream;

//! The pool against upstreams that do exactly what a test says, byte by byte.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod desync;
mod framing;
mod kept;
mod retried;
mod upstream;

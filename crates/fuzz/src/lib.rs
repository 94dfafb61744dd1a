//! Shared code of the fuzz targets.
//!
//! - [`strict`]: a parser for HTTP/1.1 messages that accepts only unambiguous ones.
//! - [`choices`]: turns the fuzzer's bytes into decisions.
//! - [`problems`]: checks that every problem must pass.
#![allow(clippy::unwrap_used, reason = "a target reports by panicking")]

pub mod choices;
pub mod problems;
pub mod strict;

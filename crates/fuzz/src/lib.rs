//! What the fuzz targets share.
//!
//! - [`strict`]: a parser for HTTP/1.1 messages that accepts what has one meaning.
//! - [`choices`]: decisions out of the fuzzer's bytes.
//! - [`problems`]: the checks that every problem answer must pass.
#![allow(clippy::unwrap_used, reason = "a target reports by panicking")]

pub mod choices;
pub mod problems;
pub mod strict;

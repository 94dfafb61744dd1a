//! Tests of the audit by REST.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rest;

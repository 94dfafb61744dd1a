//! Each kind of violation, planted by hand in the databases: it is found, and nothing else; and what can be mended is, and
//! nothing else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod charges;
mod databases;
mod planted;
mod rest;
mod scale;
mod screenings;

//! Plants each kind of violation in databases: the audit finds it and nothing else, and a repair touches
//! nothing else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod charges;
mod databases;
mod planted;
mod scale;
mod screenings;

//! What transactions, deadlines and migrations promise, and the rules of the SQL.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod closing;
mod refusals;
mod sql_rules;
mod transactions;

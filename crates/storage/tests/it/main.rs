//! Tests of transactions, deadlines and migrations, and of the rules of the SQL.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod closing;
mod locks;
mod refusals;
mod sql_rules;
mod transactions;

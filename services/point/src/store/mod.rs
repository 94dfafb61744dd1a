//! The ledger in SQL.

pub mod points;

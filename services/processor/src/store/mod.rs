//! Payments and the ledger in SQL.

pub mod ledger;
pub mod payments;

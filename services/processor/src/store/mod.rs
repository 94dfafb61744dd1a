//! SQL.

pub mod ledger;
pub mod payments;

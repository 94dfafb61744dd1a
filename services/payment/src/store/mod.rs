//! Payments in SQL.

pub mod payments;

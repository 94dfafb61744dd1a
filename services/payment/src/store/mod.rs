//! Payments in SQL, and the names that clients give to their requests.

pub mod idempotency_keys;
pub mod payments;

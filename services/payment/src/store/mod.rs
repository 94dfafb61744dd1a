//! Payments and idempotency keys in SQL.

pub mod payments;
pub mod request_keys;

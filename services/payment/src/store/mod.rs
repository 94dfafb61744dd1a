//! Payments in SQL, and the names that clients give to their requests.

pub mod payments;
pub mod request_keys;

//! Bookings in SQL.

pub mod bookings;
pub mod idempotency_keys;
pub mod places;
pub mod screenings;

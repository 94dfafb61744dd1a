//! Bookings in SQL.

#[macro_use]
mod columns;

pub mod bookings;
pub mod halls;
pub mod idempotency_keys;
pub mod places;
pub mod screenings;
pub mod without_keys;

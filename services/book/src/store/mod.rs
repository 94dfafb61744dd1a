//! Bookings in SQL.

pub mod bookings;

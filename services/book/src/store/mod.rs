//! Bookings, places and the program in SQL.

#[macro_use]
mod columns;

pub mod bookings;
pub mod halls;
pub mod places;
pub mod request_keys;
pub mod screenings;
pub mod without_keys;

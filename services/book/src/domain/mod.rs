//! What a booking is and which way it may go. No clock, no database, no network.

mod booking;
mod order;

pub use booking::{Booking, CancelRefused, Change, Row, Status};
pub use order::{Invalid, Order, Price, Quantity, Seats};

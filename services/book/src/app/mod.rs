//! One file a use case; customers and events alike lead here.
//!
//! Each takes the transaction of its door and never awaits the network.

mod apply_change;
mod confirm_payment;
mod follow_ticket;
mod open_booking;
mod read_bookings;
mod request_cancel;
mod settle_booking;

pub use confirm_payment::confirm_payment;
pub use follow_ticket::{collect, refund, reject_cancel};
pub use open_booking::open_booking;
pub use read_bookings::{find_booking, list_bookings};
pub use request_cancel::{RequestCancelError, request_cancel};
pub use settle_booking::{PaymentOutcome, settle_booking};

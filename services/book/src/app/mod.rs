//! One file a use case; customers, staff, events and the reconciler alike lead here.
//!
//! Each takes the transaction of its door and never awaits the network.

mod apply_change;
mod begin_payment;
mod bring_over;
mod confirm_payment;
mod create_screening;
mod follow_ticket;
mod open_booking;
mod outcome;
mod read_bookings;
mod read_screenings;
mod reconcile_bookings;
mod request_cancel;
mod settle_booking;
mod withdraw_screenings;

pub use begin_payment::{Begun, begin_payment};
pub use bring_over::bring_over;
pub use confirm_payment::confirm_payment;
pub use create_screening::{CreateScreeningError, Showing, create_screening};
pub use follow_ticket::{collect, refund, reject_cancel};
pub use open_booking::{Admitted, admit, claim_key, hold_places};
pub use outcome::{Outcome, Stop};
pub use read_bookings::{find_booking, list_bookings};
pub use read_screenings::{Filter, Listed, SeatState, find_screening, list_screenings, list_seats};
pub use reconcile_bookings::{expire_booking, list_overdue, list_unsettled, put_off, take_unsettled};
pub use request_cancel::{RequestCancelError, request_cancel};
pub use settle_booking::settle_booking;
pub use withdraw_screenings::withdraw_unsold;

use std::time::Duration;

/// What a cinema allows.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long a booking is held unpaid.
    pub hold: Duration,
    /// An attempt to pay is over after this, or its process is gone.
    pub attempt: Duration,
    /// How many bookings may be held unpaid.
    pub max_held: i64,
    /// The same of one customer.
    pub max_held_per_customer: i64,
    /// Places of one screening that one customer can have.
    pub max_places_per_customer: i64,
    /// How long a hall stays empty between two screenings.
    pub turnover: Duration,
}

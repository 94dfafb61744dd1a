//! One file per use case. Requests of customers and staff, events and the reconciler all call these
//! functions.
//!
//! Each works in its caller's transaction and never awaits the network.

mod apply_change;
mod begin_payment;
mod bring_over;
mod confirm_payment;
mod create_screening;
mod follow_ticket;
pub mod locks;
mod open_booking;
mod outcome;
mod reconcile_bookings;
mod request_cancel;
mod settle_booking;
mod withdraw_screenings;

pub use begin_payment::{Begun, begin_payment};
pub use bring_over::bring_over;
pub use confirm_payment::confirm_payment;
pub use create_screening::{CreateScreeningError, Showing, create_screening};
pub use follow_ticket::{collect, refund, reject_cancel};
pub use open_booking::{admit, claim_key, hold_places};
pub use outcome::{Outcome, Stop};
pub use reconcile_bookings::{begin_inquiry, expire_booking, list_due_inquiries, list_overdue, postpone};
pub use request_cancel::{RequestCancelError, request_cancel};
pub use settle_booking::settle_booking;
pub use withdraw_screenings::withdraw_unsold;

use std::time::Duration;

/// The limits of a cinema.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long a booking is held unpaid.
    pub hold: Duration,
    /// After this time an attempt to pay counts as interrupted. It is longer than an attempt takes, with its
    /// settlement.
    ///
    /// An attempt that takes longer all the same does no harm. Another attempt charges nothing more, as a
    /// booking is charged once; and if the hold expires, the settlement finds the booking ended, while
    /// `HoldExpired` has the money refunded.
    pub attempt: Duration,
    /// Maximum number of unpaid held bookings.
    pub max_held: i64,
    /// Maximum number of unpaid held bookings per customer.
    pub max_held_per_customer: i64,
    /// Maximum number of places per customer and screening.
    pub max_places_per_customer: i64,
    /// How long a hall stays empty between two screenings.
    pub turnover: Duration,
}

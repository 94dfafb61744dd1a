//! The outcomes of a request to book, or to pay for a booking.

use events::BookingId;
use storage::Error;
use upstream::CallError;

use crate::domain::{Booking, Invalid, Status};

/// The outcome of a request to book, or to pay for a booking.
#[derive(Debug)]
pub enum Outcome {
    /// The booking is paid, by this request or an earlier one.
    Booked(Booking),
    /// The booking is not paid yet, and its places are held. The error is the failed call to payment.
    Held(Booking, Option<CallError>),
    /// The request was sent before, and its booking has been canceled or has expired.
    Ended(Booking),
    /// The payment was declined.
    Declined,
    /// The booking was not paid in time, and its hold has expired.
    Expired(Booking),
    /// The booking was canceled.
    Canceled(Booking),
    /// There is no such booking.
    NotFound(BookingId),
    /// Another attempt to pay for the booking is running.
    InProgress,
    /// The key was sent before with a different request.
    KeyReused,
    /// Fields are invalid, or do not fit the screening.
    Invalid(Vec<Invalid>),
    /// The movie has screenings, and the request names none of them.
    ScreeningRequired,
    /// The screening has started.
    Started,
    /// These seats are taken.
    SeatTaken(Vec<String>),
    /// Too few places are left.
    SoldOut,
    /// The customer would have more than this many places of the screening.
    TooManyPlaces(i64),
    /// Payment was not reached, and the customer has the maximum number of held bookings. The booking was
    /// deleted.
    TooManyOfCustomer(Option<CallError>),
    /// Payment was not reached, and the maximum number of bookings is held. The booking was deleted.
    NotKept(Option<CallError>),
}

impl From<Booking> for Outcome {
    /// The outcome of a request that finds the booking in this state.
    fn from(booking: Booking) -> Self {
        match booking.status() {
            Status::PaymentPending => Self::Held(booking, None),
            Status::Registered | Status::PaidComplete | Status::PrintComplete | Status::Canceling => {
                Self::Booked(booking)
            }
            Status::Declined => Self::Declined,
            Status::Expired => Self::Expired(booking),
            Status::Canceled => Self::Canceled(booking),
        }
    }
}

impl Outcome {
    /// The outcome for a request that was sent before: its booking in its current state.
    #[must_use]
    pub fn repeated(self) -> Self {
        match self {
            Self::Expired(booking) | Self::Canceled(booking) => Self::Ended(booking),
            // It was deleted after its key was read.
            Self::NotFound(_) => Self::NotKept(None),
            other => other,
        }
    }

    /// Adds the failed call to payment, if it failed.
    #[must_use]
    pub fn caused_by(self, failure: Option<CallError>) -> Self {
        match self {
            Self::Held(booking, _) => Self::Held(booking, failure),
            Self::TooManyOfCustomer(_) => Self::TooManyOfCustomer(failure),
            Self::NotKept(_) => Self::NotKept(failure),
            other => other,
        }
    }
}

/// Why the first transaction ends early. It must be rolled back.
#[derive(Debug)]
pub enum Stop {
    /// The request was sent before, and this is its booking.
    Known(BookingId),
    Refused(Box<Outcome>),
    Storage(Error),
}

impl From<Outcome> for Stop {
    fn from(outcome: Outcome) -> Self {
        Self::Refused(outcome.into())
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Storage(error)
    }
}

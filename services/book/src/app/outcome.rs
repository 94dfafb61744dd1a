//! Every outcome of a request to book, or to pay for a booking.

use events::BookingId;
use service_kit::upstream::CallError;
use storage::Error;

use crate::domain::{Booking, Invalid, Status};

/// What became of a request to book, or to pay for a booking.
#[derive(Debug)]
pub enum Outcome {
    /// The booking is paid, by this request or before it.
    Booked(Booking),
    /// The booking is not paid yet, and its places are held. The error says why payment did not decide.
    Held(Booking, Option<CallError>),
    /// The request was sent before, and its booking was canceled or expired since.
    Ended(Booking),
    /// The payment was declined.
    Declined,
    /// The booking was not paid in time.
    Expired(Booking),
    /// The booking was canceled.
    Canceled(Booking),
    /// There is no such booking.
    NotFound(BookingId),
    /// Another attempt to pay for the booking is running.
    InProgress,
    /// The key was sent before, with another request.
    KeyReused,
    /// Fields make no sense, or do not fit the screening.
    Invalid(Vec<Invalid>),
    /// The movie has screenings, and the request names none.
    ScreeningRequired,
    /// The screening has begun.
    Started,
    /// Other bookings have these seats.
    SeatTaken(Vec<String>),
    /// The screening does not have as many places left.
    SoldOut,
    /// One customer can have at most this many places of a screening.
    TooManyPlaces(i64),
    /// Payment was not reached, and the customer holds as many unpaid bookings as one may. Nothing was kept.
    TooManyOfCustomer(Option<CallError>),
    /// Payment was not reached, and as many bookings are held as may be. Nothing was kept.
    NotKept(Option<CallError>),
}

impl From<Booking> for Outcome {
    /// Where the booking stands now.
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
    /// The outcome for a request that was sent before: its booking in its present state.
    #[must_use]
    pub fn repeated(self) -> Self {
        match self {
            Self::Expired(booking) | Self::Canceled(booking) => Self::Ended(booking),
            // It was not kept, after its key was looked up.
            Self::NotFound(_) => Self::NotKept(None),
            other => other,
        }
    }

    /// The outcome after a call of payment that failed for this reason, if it did.
    #[must_use]
    pub fn because_of(self, failure: Option<CallError>) -> Self {
        match self {
            Self::Held(booking, _) => Self::Held(booking, failure),
            Self::TooManyOfCustomer(_) => Self::TooManyOfCustomer(failure),
            Self::NotKept(_) => Self::NotKept(failure),
            other => other,
        }
    }
}

/// Why a step of the first transaction led to no next one. The transaction must be dropped.
#[derive(Debug)]
pub enum Stop {
    /// The request was sent before, and has this booking.
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

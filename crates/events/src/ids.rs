//! Typed ids: positive 64-bit numbers, so that a ticket's id is never taken for a payment's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::lenient;

/// What all ids have in common.
pub trait Id: Copy + fmt::Display + FromStr<Err = InvalidId> + Send {
    /// What it is the id of, for messages.
    const NOUN: &'static str;
}

/// Not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 1 to {}", i64::MAX)]
pub struct InvalidId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $noun:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// # Errors
            ///
            /// When `id` is not positive.
            pub fn new(id: i64) -> Result<Self, InvalidId> {
                if id > 0 { Ok(Self(id)) } else { Err(InvalidId) }
            }

            pub fn get(self) -> i64 {
                self.0
            }
        }

        impl Id for $name {
            const NOUN: &'static str = $noun;
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.parse().map_err(|_| InvalidId).and_then(Self::new)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let id = lenient::integer(deserializer)?;
                Self::new(id).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A booking; also the key of all its events.
    BookingId = "booking";
    /// A payment.
    PaymentId = "payment";
    /// A ticket; equal to its booking's id.
    TicketId = "ticket";
    /// A row of the point ledger.
    PointId = "point entry";
    /// A customer, as the caller numbers them.
    CustomerId = "customer";
    /// A screening.
    ScreeningId = "screening";
}

impl From<BookingId> for TicketId {
    /// One ticket per booking, under the same number.
    fn from(booking: BookingId) -> Self {
        Self(booking.0)
    }
}

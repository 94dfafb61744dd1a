//! Typed ids: positive 64-bit numbers, each with its own type, so that ids cannot be mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::lenient;

/// A typed id.
pub trait Id: Copy + fmt::Display + FromStr<Err = InvalidId> + Send {
    /// The name of the identified thing, for messages.
    const NOUN: &'static str;
}

/// A value that is not an id.
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
            /// Creates an id.
            ///
            /// # Errors
            ///
            /// If `id` is not positive.
            pub fn new(id: i64) -> Result<Self, InvalidId> {
                if id > 0 { Ok(Self(id)) } else { Err(InvalidId) }
            }

            pub fn get(self) -> i64 {
                self.0
            }
        }

        #[cfg(test)]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let description = concat!("The id of a ", $noun, ".");
                schemars::json_schema!({
                    "description": description, "type": "integer", "format": "int64", "minimum": 1,
                })
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
    /// The id of a booking, which is also the key of all its events.
    BookingId = "booking";
    /// The id of a payment.
    PaymentId = "payment";
    /// The id of a ticket, which equals its booking's id.
    TicketId = "ticket";
    /// The id of an entry in the ledger of points.
    PointId = "point entry";
    /// The id of a customer, assigned by the caller.
    CustomerId = "customer";
    /// The id of a screening.
    ScreeningId = "screening";
}

impl From<BookingId> for TicketId {
    /// Converts the id of a booking into that of its only ticket.
    fn from(booking: BookingId) -> Self {
        Self(booking.0)
    }
}

//! Every event of the fleet. Fields are named on the wire as here, in camelCase.
//!
//! Only ids are required when reading: the original Java services leave any other field null.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{BookingId, CustomerId, PaymentId, PointId, TicketId};
use crate::lenient::{optional_integer, optional_scalar};
use crate::screening::Screening;
use crate::wire::Envelope;

/// Declares the events: a struct each, and the enum of all of them.
macro_rules! catalog {
    ($(
        $(#[$doc:meta])*
        $name:ident by $booking:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(rename_all = "camelCase")]
            pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

            impl From<$name> for Event {
                fn from(event: $name) -> Self {
                    Self::$name(event)
                }
            }
        )*

        /// Any event of the fleet.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event { $($name($name),)* }

        impl Event {
            /// The names of all events, as `eventType` spells them.
            pub const TYPES: &[&str] = &[$(stringify!($name),)*];

            /// Its name, as `eventType` spells it.
            pub fn event_type(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name),)* }
            }

            /// The booking it is about: the record's key.
            pub fn booking_id(&self) -> BookingId {
                match self { $(Self::$name(event) => event.$booking,)* }
            }

            /// The event's JSON in its envelope.
            pub(crate) fn in_envelope(&self, timestamp: String) -> serde_json::Result<String> {
                let event_type = self.event_type();
                match self {
                    $(Self::$name(fields) => serde_json::to_string(&Envelope {
                        event_type,
                        timestamp,
                        fields,
                        me: true,
                    }),)*
                }
            }

            /// Reads the fields of an event of the given type; `None` when no event is called that.
            pub(crate) fn from_fields(
                event_type: &str,
                fields: serde_json::Value,
            ) -> Option<serde_json::Result<Self>> {
                match event_type {
                    $(stringify!($name) => Some(serde_json::from_value(fields).map(Self::$name)),)*
                    _ => None,
                }
            }
        }
    };
}

catalog! {
    /// A booking was paid and registered. From book.
    Booked by id {
        id: BookingId,
        /// Seats or places.
        #[serde(default, deserialize_with = "optional_integer")]
        qty: Option<i64>,
        /// Comma list, such as `1A,2B`.
        #[serde(default, deserialize_with = "optional_scalar")]
        seat: Option<String>,
        #[serde(default, deserialize_with = "optional_scalar")]
        movie_name: Option<String>,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
        /// In the smallest unit of the currency.
        #[serde(default, deserialize_with = "optional_integer")]
        total_price: Option<i64>,
        /// The cinema.
        #[serde(default, deserialize_with = "optional_scalar")]
        name: Option<String>,
        customer_id: Option<CustomerId>,
        /// Where and when the movie is shown; empty for a booking of the movie alone.
        #[serde(flatten)]
        screening: Screening,
    }

    /// A booking stays unpaid after its first attempt to pay: its places are held. Published once per booking. From book.
    ///
    /// `Booked` ends the hold, or `HoldExpired` does, whose status says how.
    Held by id {
        id: BookingId,
        customer_id: Option<CustomerId>,
        #[serde(default, deserialize_with = "optional_scalar")]
        movie_name: Option<String>,
        #[serde(default, deserialize_with = "optional_scalar")]
        seat: Option<String>,
        #[serde(default, deserialize_with = "optional_integer")]
        qty: Option<i64>,
        /// In the smallest unit of the currency.
        #[serde(default, deserialize_with = "optional_integer")]
        total_price: Option<i64>,
        /// When the hold runs out, RFC 3339 in UTC.
        held_until: Option<Timestamp>,
        #[serde(flatten)]
        screening: Screening,
    }

    /// A payment was taken. From payment.
    Paid by booking_id {
        id: PaymentId,
        booking_id: BookingId,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
        /// In the smallest unit of the currency.
        #[serde(default, deserialize_with = "optional_integer")]
        total_price: Option<i64>,
    }

    /// A payment was refunded, or refused before it was made. From payment.
    PaymentCanceled by booking_id {
        id: PaymentId,
        booking_id: BookingId,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
    }

    /// A customer asked to cancel. From book.
    CancelRequested by id {
        id: BookingId,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
    }

    /// The ticket was not collected, and is void now. From ticket.
    TicketCanceled by booking_id {
        id: TicketId,
        booking_id: BookingId,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
    }

    /// The ticket was collected already, so the booking stands. From ticket.
    CancelRejected by booking_id {
        id: TicketId,
        booking_id: BookingId,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
    }

    /// A cancel ended: ticket void, money back. From book.
    Canceled by id {
        id: BookingId,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
    }

    /// A booking that waited for its payment ends unpaid; money that comes for it goes back. From book.
    ///
    /// It carries what was to be booked, because a booking that was never held has no event before this one.
    HoldExpired by id {
        id: BookingId,
        /// How it ended: `Expired`, `Declined` or `Canceled`.
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
        #[serde(default, deserialize_with = "optional_integer")]
        qty: Option<i64>,
        #[serde(default, deserialize_with = "optional_scalar")]
        seat: Option<String>,
        #[serde(default, deserialize_with = "optional_scalar")]
        movie_name: Option<String>,
        /// In the smallest unit of the currency.
        #[serde(default, deserialize_with = "optional_integer")]
        total_price: Option<i64>,
        customer_id: Option<CustomerId>,
        #[serde(flatten)]
        screening: Screening,
    }

    /// A ticket waits to be collected. From ticket.
    Created by booking_id {
        id: TicketId,
        booking_id: BookingId,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
        #[serde(default, deserialize_with = "optional_scalar")]
        movie_name: Option<String>,
        #[serde(default, deserialize_with = "optional_integer")]
        qty: Option<i64>,
        #[serde(default, deserialize_with = "optional_scalar")]
        seat: Option<String>,
        customer_id: Option<CustomerId>,
        #[serde(flatten)]
        screening: Screening,
    }

    /// A ticket was collected, after its points were granted. From ticket.
    Printed by booking_id {
        id: TicketId,
        booking_id: BookingId,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
    }

    /// Points wait for the ticket to be collected. From point.
    WaitedPoint by booking_id {
        id: PointId,
        booking_id: BookingId,
        #[serde(default, deserialize_with = "optional_integer")]
        score: Option<i64>,
        #[serde(default, deserialize_with = "optional_scalar")]
        contents: Option<String>,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
    }

    /// Points were granted. From point.
    WrittenPoint by booking_id {
        id: PointId,
        booking_id: BookingId,
        customer_id: Option<CustomerId>,
        #[serde(default, deserialize_with = "optional_integer")]
        score: Option<i64>,
        #[serde(default, deserialize_with = "optional_scalar")]
        contents: Option<String>,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
    }
}

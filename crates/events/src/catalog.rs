//! All events of the fleet. The fields have the same names on the wire, in camelCase.
//!
//! Only ids are required when reading, because the original Java services may write null in any other field.
//!
//! `asyncapi.json` is generated from this file. It shows the comments, so the first paragraph on an event ends
//! with its publisher.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{BookingId, CustomerId, PaymentId, PointId, TicketId};
use crate::lenient::{optional_integer, optional_scalar};
use crate::screening::Screening;
use crate::wire::Envelope;

/// Declares a struct for each event, and the enum of all events.
macro_rules! catalog {
    ($(
        $(#[$doc:meta])*
        $name:ident by $booking:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(rename_all = "camelCase")]
            #[cfg_attr(test, derive(schemars::JsonSchema))]
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

            /// Returns the event's name, as `eventType` spells it.
            pub fn event_type(&self) -> &'static str {
                match self { $(Self::$name(_) => stringify!($name),)* }
            }

            /// Returns the id of the event's booking, which is the record's key.
            pub fn booking_id(&self) -> BookingId {
                match self { $(Self::$name(event) => event.$booking,)* }
            }

            /// Returns the event's JSON in its envelope.
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

            /// Reads the fields of an event of the given type. Returns `None` if the type is unknown.
            pub(crate) fn from_fields(
                event_type: &str,
                fields: serde_json::Value,
            ) -> Option<serde_json::Result<Self>> {
                match event_type {
                    $(stringify!($name) => Some(serde_json::from_value(fields).map(Self::$name)),)*
                    _ => None,
                }
            }

            /// Returns the JSON schema of each event's fields, with the event's name.
            #[cfg(test)]
            pub(crate) fn schemas(
                generator: &mut schemars::SchemaGenerator,
            ) -> Vec<(&'static str, schemars::Schema)> {
                vec![$((stringify!($name), generator.root_schema_for::<$name>()),)*]
            }
        }
    };
}

catalog! {
    /// A booking was paid and registered. From book.
    Booked by id {
        id: BookingId,
        /// Number of places.
        #[serde(default, deserialize_with = "optional_integer")]
        qty: Option<i64>,
        /// A comma-separated list, such as `1A,2B`.
        #[serde(default, deserialize_with = "optional_scalar")]
        seat: Option<String>,
        #[serde(default, deserialize_with = "optional_scalar")]
        movie_name: Option<String>,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
        /// In the smallest unit of the currency.
        #[serde(default, deserialize_with = "optional_integer")]
        total_price: Option<i64>,
        /// The name of the cinema.
        #[serde(default, deserialize_with = "optional_scalar")]
        name: Option<String>,
        customer_id: Option<CustomerId>,
        /// The screening; empty for a booking of a movie without a screening.
        #[serde(flatten)]
        screening: Screening,
    }

    /// A booking stayed unpaid after its first attempt to pay, and its places are held. Published once per
    /// booking. From book.
    ///
    /// The hold ends with `Booked`, or with `HoldExpired`, whose status contains the reason.
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
        /// When the hold expires, RFC 3339 in UTC.
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

    /// A payment was refunded, or prevented before it was made. From payment.
    PaymentCanceled by booking_id {
        id: PaymentId,
        booking_id: BookingId,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
    }

    /// A customer requested to cancel a booking. From book.
    CancelRequested by id {
        id: BookingId,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
    }

    /// A ticket that was not collected was made void. From ticket.
    TicketCanceled by booking_id {
        id: TicketId,
        booking_id: BookingId,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
    }

    /// A cancellation was rejected because the ticket was already collected. From ticket.
    CancelRejected by booking_id {
        id: TicketId,
        booking_id: BookingId,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
    }

    /// A booking was canceled: its ticket is void, and its payment is refunded. From book.
    Canceled by id {
        id: BookingId,
        #[serde(default, deserialize_with = "optional_scalar")]
        status: Option<String>,
    }

    /// A pending booking ended unpaid; a payment that still arrives is refunded. From book.
    ///
    /// The event contains the whole booking, because a booking that was never held has no earlier event.
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

    /// A ticket was created, and can be collected. From ticket.
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

    /// Points are waiting until the ticket is collected. From point.
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

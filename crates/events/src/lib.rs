//! The events that the services publish on the topic `movie`, and their JSON.
//!
//! # Layout
//!
//! - [`ids`]: typed ids.
//! - [`catalog`]: all events, as structs and as the closed enum [`Event`].
//! - [`screening`]: the screening of a booking, which several events contain.
//! - [`envelope`]: encodes and decodes the JSON of an event, compatible with the original Java services.
//! - `wire`: that JSON, as it is written.
//! - [`headers`]: the headers of a record, CloudEvents 1.0 in binary mode.
//! - [`asyncapi`]: the description of all of this for other programs.
//! - [`price`]: money in the smallest unit of the currency.
//! - [`invalid`]: invalid fields of a request.
//! - [`status`]: statuses, with the same text in responses, events and databases.
//! - [`lenient`]: deserialization of numbers as text and text as numbers, for events and requests.
//! - [`text`]: names, and the normal form in which they are compared.

pub mod asyncapi;
pub mod catalog;
pub mod envelope;
pub mod headers;
pub mod ids;
pub mod invalid;
pub mod lenient;
pub mod price;
pub mod screening;
pub mod status;
pub mod text;
mod wire;

pub use catalog::{
    Booked, CancelRejected, CancelRequested, Canceled, Created, Event, Held, HoldExpired, Paid,
    PaymentCanceled, Printed, TicketCanceled, WaitedPoint, WrittenPoint,
};
pub use envelope::{DecodeError, Decoded, decode, encode, event_type};
pub use ids::{BookingId, CustomerId, Id, PaymentId, PointId, ScreeningId, TicketId};
pub use invalid::Invalid;
pub use price::{InvalidPrice, Price};
pub use screening::Screening;
pub use status::UnknownStatus;
pub use text::Name;

/// The topic all events go to, keyed by booking id.
pub const TOPIC: &str = "movie";
/// Where records go that a consumer cannot apply.
pub const DEAD_LETTER_TOPIC: &str = "movie.dlq";

//! The published language of the fleet: what services say to each other on the topic `movie`.
//!
//! # Layout
//!
//! - [`ids`]: typed ids.
//! - [`catalog`]: every event, as a struct and in the closed enum [`Event`].
//! - [`screening`]: where and when a booking's movie is shown, as several events carry it.
//! - [`envelope`]: the JSON that carries an event, written as the original Java services read it and read leniently.
//! - `wire`: that JSON, as it is written.
//! - [`headers`]: CloudEvents 1.0 in binary mode, beside the JSON.
//! - [`price`] is money in the smallest unit of the currency.
//! - [`invalid`] is a wrong field of a request.
//! - [`status`]: words for where a thing stands, the same in answers, events and databases.
//! - [`lenient`]: numbers that arrive as text, for events and for requests alike.
//! - [`text`]: names, and the one normal form in which they are compared.

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

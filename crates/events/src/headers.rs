//! The headers of a record: CloudEvents 1.0 in Kafka's binary mode.
//!
//! Names: <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md>.

use jiff::Timestamp;

use crate::catalog::Event;

/// The event's id, a UUID v7, by which an inbox recognizes it.
pub const ID: &str = "ce_id";
/// The W3C trace in which the event was written.
pub const TRACEPARENT: &str = "traceparent";
/// The attribute with the id of the booking, on the spans of events and of background work.
pub const BOOKING_ATTRIBUTE: &str = "marquee.booking.id";

/// Headers of a record, in order.
pub type Headers = Vec<(String, String)>;

/// Returns the headers of `event` with the id `id`, written by the service `source` at `at`.
pub fn headers(event: &Event, id: &str, source: &str, at: Timestamp, trace: Option<&str>) -> Headers {
    let event_type = event.event_type();
    let mut headers = vec![
        ("ce_specversion".to_owned(), "1.0".to_owned()),
        (ID.to_owned(), id.to_owned()),
        ("ce_source".to_owned(), format!("/{source}")),
        ("ce_type".to_owned(), format!("movie.{event_type}.v1")),
        ("ce_time".to_owned(), at.to_string()),
        ("ce_subject".to_owned(), format!("bookings/{}", event.booking_id())),
        ("content-type".to_owned(), "application/json".to_owned()),
        // Newer generations of the Java template dispatch on this one.
        ("type".to_owned(), event_type.to_owned()),
    ];
    if let Some(trace) = trace {
        headers.push((TRACEPARENT.to_owned(), trace.to_owned()));
    }
    headers
}

/// Returns the value of the header `name`, if the record has it.
pub fn find<'h>(headers: &'h Headers, name: &str) -> Option<&'h str> {
    headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

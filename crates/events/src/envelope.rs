//! The JSON that carries an event: `{"eventType":"Booked","timestamp":"20210223133228",…fields…,"me":true}`.
//!
//! The original Java services read and write this format (their `AbstractEvent`). Their listeners use `me` to
//! check that an event has the type that they expect. Jackson computes it again when reading, so its value on
//! the wire is meaningless, and this crate ignores it too.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;

use crate::catalog::Event;

/// The Java services' `SimpleDateFormat("yyyyMMddHHmmss")`. They write their local time; this fleet writes
/// UTC.
const TIMESTAMP_FORMAT: &str = "%Y%m%d%H%M%S";

/// A decoded record of the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The record's `eventType`.
    pub event_type: String,
    /// The event's time in seconds, by its writer's clock and in an unknown time zone. `None` if the record
    /// has no valid time.
    pub local_time: Option<DateTime>,
    /// `None` if the type is unknown to this fleet; consumers skip such records.
    pub event: Option<Event>,
}

/// A record that cannot be read as an event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("not JSON")]
    NotJson(#[source] serde_json::Error),
    #[error("not a JSON object with a text `eventType`")]
    NoEventType,
    #[error("{event_type} cannot be read")]
    WrongField { event_type: String, source: serde_json::Error },
}

/// Returns the record's value for `event`, which happened at `at`.
pub fn encode(event: &Event, at: Timestamp) -> String {
    let timestamp = at.to_zoned(TimeZone::UTC).strftime(TIMESTAMP_FORMAT);
    event.in_envelope(timestamp.to_string()).expect("an event's fields are numbers and text under text keys")
}

/// Returns the `eventType` of a record's value, without reading its fields.
///
/// # Errors
///
/// If the value is not JSON, or has no `eventType`.
pub fn event_type(value: &[u8]) -> Result<String, DecodeError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Peek {
        #[serde(default)]
        event_type: Value,
    }
    let peek: Peek = serde_json::from_slice(value).map_err(|error| match error.classify() {
        Category::Data => DecodeError::NoEventType,
        _ => DecodeError::NotJson(error),
    })?;
    match peek.event_type {
        Value::String(event_type) => Ok(event_type),
        _ => Err(DecodeError::NoEventType),
    }
}

/// Reads a record's value.
///
/// # Errors
///
/// If the value is not JSON, has no `eventType`, or a field of a known event has the wrong type.
pub fn decode(value: &[u8]) -> Result<Decoded, DecodeError> {
    let value: Value = serde_json::from_slice(value).map_err(DecodeError::NotJson)?;
    let event_type =
        value.get("eventType").and_then(Value::as_str).ok_or(DecodeError::NoEventType)?.to_owned();
    let local_time = value
        .get("timestamp")
        .and_then(Value::as_str)
        .and_then(|text| DateTime::strptime(TIMESTAMP_FORMAT, text).ok());
    let event = match Event::from_fields(&event_type, value) {
        Some(Ok(event)) => Some(event),
        Some(Err(source)) => return Err(DecodeError::WrongField { event_type, source }),
        None => None,
    };
    Ok(Decoded { event_type, local_time, event })
}

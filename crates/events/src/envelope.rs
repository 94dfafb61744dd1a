//! The JSON that carries an event: `{"eventType":"Booked","timestamp":"20210223133228",…fields…,"me":true}`.
//!
//! This is what the original Java services write (their `AbstractEvent`) and read. `me` is how their listeners
//! ask "is this event of the type I am declared for"; Jackson computes it anew when reading, so its value on the wire
//! says nothing and is ignored here as well.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;

use crate::catalog::Event;

/// The Java services' `SimpleDateFormat("yyyyMMddHHmmss")`: their local time, and UTC where this fleet writes it.
const TIMESTAMP_FORMAT: &str = "%Y%m%d%H%M%S";

/// What a record on the topic turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Its `eventType`.
    pub event_type: String,
    /// When it happened, to the second, by its writer's clock; the record does not say in which time zone that is.
    /// `None` when it says nothing at all.
    pub local_time: Option<DateTime>,
    /// `None` for a type this fleet does not know; such a record is to be passed over.
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

/// The record's value for `event`, which happened at `at`.
pub fn encode(event: &Event, at: Timestamp) -> String {
    let timestamp = at.to_zoned(TimeZone::UTC).strftime(TIMESTAMP_FORMAT);
    event.in_envelope(timestamp.to_string()).expect("an event's fields are numbers and text under text keys")
}

/// The `eventType` of a record's value, without reading the rest of it.
///
/// # Errors
///
/// When it is not JSON, or has no `eventType`.
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
/// When it is not JSON, has no `eventType`, or a field of a known event is of the wrong kind.
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

//! The screening that a booking is of, as events carry it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::ScreeningId;
use crate::lenient::optional_scalar;

/// The screening of a booking. Every field is absent, and not written, where the booking is of a movie alone, and in events
/// from before there were these fields; such an event may still have a `screeningId`.
///
/// Times are RFC 3339 in UTC, such as `2026-12-01T19:30:00Z`, as answers have them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Screening {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screening_id: Option<ScreeningId>,
    /// The house.
    #[serde(default, deserialize_with = "optional_scalar", skip_serializing_if = "Option::is_none")]
    pub theatre: Option<String>,
    /// The hall's name. A screening that was announced without one has its theatre as its hall.
    #[serde(default, deserialize_with = "optional_scalar", skip_serializing_if = "Option::is_none")]
    pub hall: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}

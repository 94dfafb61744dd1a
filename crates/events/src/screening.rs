//! The screening of a booking, in events.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::ScreeningId;
use crate::lenient::optional_scalar;

/// The screening of a booking. All fields are absent if the booking has no screening. Events from before
/// these fields existed have at most a `screeningId`.
///
/// Times are RFC 3339 in UTC, such as `2026-12-01T19:30:00Z`, as in responses.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Screening {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screening_id: Option<ScreeningId>,
    /// The theatre's name.
    #[serde(default, deserialize_with = "optional_scalar", skip_serializing_if = "Option::is_none")]
    pub theatre: Option<String>,
    /// The hall's name. A screening that was created without a hall has the theatre's name here.
    #[serde(default, deserialize_with = "optional_scalar", skip_serializing_if = "Option::is_none")]
    pub hall: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}

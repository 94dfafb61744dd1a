//! The JSON object of an event, for writing.

use serde::Serialize;

/// An event in the field order of the original services.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope<'e, F> {
    pub event_type: &'e str,
    pub timestamp: String,
    #[serde(flatten)]
    pub fields: &'e F,
    pub me: bool,
}

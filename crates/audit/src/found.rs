//! A single violation.

use serde::Serialize;

use crate::kind::Kind;

/// A single violation of a story or a screening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    pub kind: Kind,
    /// Describes the violation for a person.
    pub detail: String,
}

/// The violations of one story.
#[derive(Default)]
pub(crate) struct Found(pub(crate) Vec<Violation>);

impl Found {
    pub(crate) fn add(&mut self, kind: Kind, detail: impl Into<String>) {
        self.0.push(Violation { kind, detail: detail.into() });
    }
}

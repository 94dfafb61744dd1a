//! A field of a request that is wrong.

/// A wrong field: its name as the client spells it, and what is wrong with it, as the rest of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    pub field: &'static str,
    pub detail: String,
}

impl Invalid {
    pub fn new(field: &'static str, detail: impl Into<String>) -> Self {
        Self { field, detail: detail.into() }
    }
}

//! Invalid fields of a request.

/// An invalid field: its name as the client spells it, and the error as the rest of a sentence, such as "must
/// not be blank".
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

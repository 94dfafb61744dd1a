//! The caller's name for a payment.

use std::fmt;
use std::str::FromStr;

/// Maximum length of a reference, in characters.
const REFERENCE_MAX: usize = 128;

/// The caller's name for a payment, and its idempotency key: 1 to 128 characters of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference(String);

/// The error for a text that is not a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {REFERENCE_MAX} characters of A-Z, a-z, 0-9, '.', '_' and '-'")]
pub struct InvalidReference;

impl Reference {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if (1..=REFERENCE_MAX).contains(&text.len()) && text.bytes().all(is_allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidReference)
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_is_short_and_needs_no_escape_in_a_path() {
        for text in ["a", "k3x9-booking-17", "A.b_C-9", &"x".repeat(128)] {
            assert_eq!(text.parse::<Reference>().unwrap().as_str(), text);
        }
        for text in ["", " ", "a b", "a/b", "기생충", "a\0", "a%20b", &"x".repeat(129)] {
            assert_eq!(text.parse::<Reference>(), Err(InvalidReference), "{text}");
        }
    }
}

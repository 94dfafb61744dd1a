//! The token of a customer's means of payment.

use std::fmt;

/// Maximum length of a token, in bytes.
const TOKEN_MAX: usize = 128;

/// The provider's token for a means of payment. It is never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct PaymentToken(String);

/// The error for a text that is not a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {TOKEN_MAX} visible ASCII characters")]
pub struct InvalidToken;

impl PaymentToken {
    /// Parses a token.
    ///
    /// # Errors
    ///
    /// When `text` is empty, too long, or contains characters other than visible ASCII.
    pub fn parse(text: String) -> Result<Self, InvalidToken> {
        let is_token =
            (1..=TOKEN_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_token { Ok(Self(text)) } else { Err(InvalidToken) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PaymentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PaymentToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_short_visible_ascii_and_is_not_logged() {
        let token = PaymentToken::parse("tok_ok".to_owned()).unwrap();
        assert!(!format!("{token:?}").contains("tok_ok"));
        for text in ["", "two words", "카드", &"x".repeat(129)] {
            assert_eq!(PaymentToken::parse(text.to_owned()), Err(InvalidToken), "{text}");
        }
    }
}

//! A valid request for a charge.

use std::fmt;
use std::str::FromStr;

use super::reference::{InvalidReference, Reference};

/// Maximum length of a payment token, in bytes.
const TOKEN_MAX: usize = 128;

/// An amount in a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    pub amount: Amount,
    pub currency: Currency,
}

/// A non-negative number of the currency's smallest unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(i64);

/// The error for a number that is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 0 to {}", i64::MAX)]
pub struct InvalidAmount;

impl Amount {
    /// Parses an amount of money.
    ///
    /// # Errors
    ///
    /// When `amount` is negative.
    pub fn parse(amount: i64) -> Result<Self, InvalidAmount> {
        if amount >= 0 { Ok(Self(amount)) } else { Err(InvalidAmount) }
    }

    pub fn get(self) -> i64 {
        self.0
    }
}

impl FromStr for Amount {
    type Err = InvalidAmount;

    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        text.parse().map_err(|_| InvalidAmount).and_then(Self::parse)
    }
}

/// The three capital letters of a currency (ISO 4217).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency([u8; 3]);

/// The error for a text that is not a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be three capital letters, such as KRW")]
pub struct InvalidCurrency;

impl FromStr for Currency {
    type Err = InvalidCurrency;

    fn from_str(text: &str) -> Result<Self, InvalidCurrency> {
        let letters: [u8; 3] = text.as_bytes().try_into().map_err(|_| InvalidCurrency)?;
        if letters.iter().all(u8::is_ascii_uppercase) { Ok(Self(letters)) } else { Err(InvalidCurrency) }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

/// The token of the customer's means of payment, which determines the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// `tok_ok`, or no token: paid.
    Ok,
    /// `tok_slow`: paid, after some time.
    Slow,
    /// `tok_declined`: declined.
    Declined,
    /// `tok_insufficient_funds`: declined.
    InsufficientFunds,
    /// Any other token: declined.
    Unknown,
}

impl Token {
    fn parse(text: Option<&str>) -> Option<Self> {
        match text {
            None | Some("tok_ok") => Some(Self::Ok),
            Some("tok_slow") => Some(Self::Slow),
            Some("tok_declined") => Some(Self::Declined),
            Some("tok_insufficient_funds") => Some(Self::InsufficientFunds),
            Some(other) => (1..=TOKEN_MAX).contains(&other.len()).then_some(Self::Unknown),
        }
    }
}

/// A request to charge money under a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    pub reference: Reference,
    pub money: Money,
    pub token: Token,
}

/// An invalid field, by its name in the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    pub field: &'static str,
    pub detail: String,
}

impl Charge {
    /// Parses every field.
    ///
    /// # Errors
    ///
    /// All invalid fields.
    pub fn parse(
        reference: &str,
        amount: Option<i64>,
        currency: Option<&str>,
        token: Option<&str>,
    ) -> Result<Self, Vec<Invalid>> {
        let mut invalid = Vec::new();
        let mut reject = |field, detail: String| invalid.push(Invalid { field, detail });
        let reference =
            reference.parse().map_err(|error: InvalidReference| reject("reference", error.to_string()));
        let amount = Amount::parse(amount.unwrap_or(-1)).map_err(|error| reject("amount", error.to_string()));
        let currency = currency.unwrap_or_default().parse();
        let currency = currency.map_err(|error: InvalidCurrency| reject("currency", error.to_string()));
        let token = Token::parse(token);
        if token.is_none() {
            reject("paymentToken", format!("must be 1 to {TOKEN_MAX} bytes long, or omitted"));
        }
        match (reference, amount, currency, token) {
            (Ok(reference), Ok(amount), Ok(currency), Some(token)) => {
                Ok(Self { reference, money: Money { amount, currency }, token })
            }
            _ => Err(invalid),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn invalid_fields(amount: Option<i64>, currency: Option<&str>, token: Option<&str>) -> Vec<&'static str> {
        let charge = Charge::parse("order-1", amount, currency, token);
        charge.map_or_else(|invalid| invalid.iter().map(|field| field.field).collect(), |_| Vec::new())
    }

    proptest! {
        #[test]
        fn only_negative_amounts_are_refused(amount: i64) {
            prop_assert_eq!(Amount::parse(amount).is_ok(), amount >= 0);
            prop_assert_eq!(amount.to_string().parse(), Amount::parse(amount));
        }
    }

    #[test]
    fn all_invalid_fields_are_listed() {
        assert_eq!(Charge::parse("a b", None, None, Some("")).unwrap_err().len(), 4);
        assert_eq!(invalid_fields(Some(-1), Some("KRW"), None), ["amount"]);
        for currency in ["", "krw", "KR", "KRWN", "K W", "원"] {
            assert_eq!(invalid_fields(Some(0), Some(currency), None), ["currency"], "{currency}");
        }
        assert_eq!(invalid_fields(Some(0), Some("KRW"), Some(&"x".repeat(129))), ["paymentToken"]);
    }

    #[test]
    fn unknown_token_is_not_an_invalid_field() {
        assert_eq!(invalid_fields(Some(0), Some("KRW"), Some("tok_stolen")), [""; 0]);
    }

    #[test]
    fn currency_is_displayed_as_it_was_sent() {
        assert_eq!("KRW".parse::<Currency>().unwrap().to_string(), "KRW");
    }
}

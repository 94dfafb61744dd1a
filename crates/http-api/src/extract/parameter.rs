//! Values of query parameters. Unlike in a body, each value has one spelling: `7`, but not `+7`, `07` or `
//! 7`.

use std::fmt::Display;
use std::str::FromStr;

use events::Id;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Reads a whole number; absence is `None`.
///
/// # Errors
///
/// When the value is anything else, is spelled differently, or does not fit in 64 bits.
pub fn optional_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| canonical(&text).ok_or_else(|| D::Error::custom(NOT_A_NUMBER))).transpose()
}

/// Reads an id; absence is `None`.
///
/// # Errors
///
/// When the value is anything else, or is spelled differently.
pub fn optional_id<'de, T: Id, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| canonical(&text).ok_or_else(|| D::Error::custom(NOT_AN_ID))).transpose()
}

/// Reads `text` if its value is written with the same text.
pub(super) fn canonical<T: FromStr + Display>(text: &str) -> Option<T> {
    text.parse().ok().filter(|value: &T| value.to_string() == text)
}

const NOT_A_NUMBER: &str = "must be a whole number of at most 64 bits, written in digits alone, such as 7";
const NOT_AN_ID: &str = "must be an id: a whole number from 1, written in digits alone, such as 7";

#[cfg(test)]
mod tests {
    use events::CustomerId;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn number_and_id_have_one_spelling() {
        assert_eq!(optional_number(json!("7")).unwrap(), Some(7));
        assert_eq!(optional_number(json!("-1")).unwrap(), Some(-1));
        assert_eq!(optional_number(json!("0")).unwrap(), Some(0));
        assert_eq!(optional_number(Value::Null).unwrap(), None);
        assert_eq!(optional_id(json!("7")).unwrap(), Some(CustomerId::new(7).unwrap()));
        for wrong in
            ["", " ", "+7", " 7", "7 ", "07", "00", "-0", "7.0", "1e3", "７", "seven", "9223372036854775808"]
        {
            assert!(optional_number(json!(wrong)).is_err(), "{wrong:?}");
            assert!(optional_id::<CustomerId, _>(json!(wrong)).is_err(), "{wrong:?}");
        }
        for wrong in ["0", "-1"] {
            assert!(optional_id::<CustomerId, _>(json!(wrong)).is_err(), "{wrong:?}");
        }
    }
}

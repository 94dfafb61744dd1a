//! Lenient deserialization: accepts numbers as text, and text as numbers.
//!
//! `httpie qty=2` and siege send strings; Jackson, which the original services use, accepts both.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// Deserializes a whole number: `3`, `"3"` or `3.0`.
///
/// # Errors
///
/// If the value is anything else, or does not fit in 64 bits.
pub fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    deserializer.deserialize_any(IntegerVisitor)
}

/// Like [`integer`]; `null` and (with `#[serde(default)]`) absence are `None`.
///
/// # Errors
///
/// As [`integer`].
pub fn optional_integer<'de, D: Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
    struct Integer(i64);
    impl<'de> Deserialize<'de> for Integer {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            integer(deserializer).map(Self)
        }
    }
    Ok(Option::<Integer>::deserialize(d)?.map(|Integer(value)| value))
}

/// Deserializes text. A whole number becomes its digits.
///
/// # Errors
///
/// If the value is anything else. `true` and `1.50` are rejected, because they can be spelled in several
/// ways.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_any(TextVisitor { takes_any_scalar: false })
}

/// Like [`text`]; `null` and (with `#[serde(default)]`) absence are `None`.
///
/// # Errors
///
/// As [`text`].
pub fn optional_text<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    struct Text(String);
    impl<'de> Deserialize<'de> for Text {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            text(deserializer).map(Self)
        }
    }
    Ok(Option::<Text>::deserialize(d)?.map(|Text(value)| value))
}

/// Deserializes text of an event. Any number or boolean becomes text, as with Jackson in the original
/// services. `null` and (with `#[serde(default)]`) absence are `None`.
///
/// # Errors
///
/// If the value is an array or an object.
pub fn optional_scalar<'de, D: Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    struct Scalar(String);
    impl<'de> Deserialize<'de> for Scalar {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(TextVisitor { takes_any_scalar: true }).map(Self)
        }
    }
    Ok(Option::<Scalar>::deserialize(d)?.map(|Scalar(value)| value))
}

/// Deserializes a boolean: `true`, `"true"`, `false` or `"false"`; `null` and (with `#[serde(default)]`)
/// absence are `None`.
///
/// # Errors
///
/// If the value is anything else.
pub fn optional_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    struct Flag(bool);
    impl<'de> Deserialize<'de> for Flag {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(FlagVisitor).map(Self)
        }
    }
    Ok(Option::<Flag>::deserialize(deserializer)?.map(|Flag(value)| value))
}

struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<bool, E> {
        Ok(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<bool, E> {
        value.trim().parse().map_err(|_| E::custom("must be true or false"))
    }
}

struct IntegerVisitor;

impl Visitor<'_> for IntegerVisitor {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<i64, E> {
        Ok(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<i64, E> {
        i64::try_from(value).map_err(|_| too_large())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<i64, E> {
        // From 2^53 on, a double cannot represent every whole number.
        if value.fract() != 0.0 {
            Err(E::custom(format!("must be a whole number, not {value}")))
        } else if value.abs() >= 9_007_199_254_740_992.0 {
            Err(too_large())
        } else {
            Ok(value as i64)
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<i64, E> {
        let text = value.trim();
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().map_err(|_| {
            if is_whole { too_large() } else { E::custom(format!("must be a whole number, not \"{text}\"")) }
        })
    }
}

fn too_large<E: Error>() -> E {
    E::custom("is too large: it must fit in 64 bits")
}

struct TextVisitor {
    takes_any_scalar: bool,
}

impl TextVisitor {
    fn scalar<E: Error>(self, value: impl ToString, what: Unexpected<'_>) -> Result<String, E> {
        if self.takes_any_scalar { Ok(value.to_string()) } else { Err(E::invalid_type(what, &self)) }
    }
}

impl Visitor<'_> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<String, E> {
        // Valid in JSON, but PostgreSQL cannot store it.
        if value.contains('\0') {
            return Err(E::custom("must not contain the character U+0000"));
        }
        Ok(value.to_owned())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<String, E> {
        self.scalar(value, Unexpected::Float(value))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<String, E> {
        self.scalar(value, Unexpected::Bool(value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    proptest! {
        #[test]
        fn number_and_its_text_are_equal(value: i64) {
            prop_assert_eq!(integer(json!(value)).unwrap(), value);
            prop_assert_eq!(integer(json!(value.to_string())).unwrap(), value);
        }
    }

    #[test]
    fn error_names_a_value_that_is_not_a_whole_number() {
        for wrong in [json!("abc"), json!(""), json!(1.5), json!("1.5"), json!(true), json!([]), json!({})] {
            let error = integer(wrong.clone()).unwrap_err().to_string();
            assert!(error.contains("whole number"), "{wrong}: {error}");
        }
    }

    #[test]
    fn number_beyond_64_bits_is_rejected() {
        for wrong in [json!(1e30), json!(u64::MAX), json!("1000000000000000000000000000000")] {
            let error = integer(wrong.clone()).unwrap_err().to_string();
            assert!(error.contains("64 bits"), "{wrong}: {error}");
        }
    }

    #[test]
    fn null_is_none_and_a_whole_double_is_a_number() {
        assert_eq!(optional_integer(Value::Null).unwrap(), None);
        assert_eq!(integer(json!(3.0)).unwrap(), 3);
    }

    #[test]
    fn flag_is_a_boolean_or_its_text() {
        assert_eq!(optional_flag(json!(true)).unwrap(), Some(true));
        assert_eq!(optional_flag(json!("false")).unwrap(), Some(false));
        assert_eq!(optional_flag(Value::Null).unwrap(), None);
        assert!(optional_flag(json!("yes")).is_err() && optional_flag(json!(1)).is_err());
    }

    #[test]
    fn text_accepts_whole_numbers_only() {
        assert_eq!(optional_text(json!(12)).unwrap().as_deref(), Some("12"));
        assert_eq!(optional_text(Value::Null).unwrap(), None);
        for wrong in [json!(["1A"]), json!({}), json!(true), json!(1.5)] {
            assert!(optional_text(wrong.clone()).is_err(), "{wrong}");
        }
        assert!(optional_text(json!("so\0ul")).is_err());
    }

    #[test]
    fn text_of_an_event_may_be_any_scalar() {
        for (value, text) in
            [(json!("soul"), "soul"), (json!(12), "12"), (json!(true), "true"), (json!(1.5), "1.5")]
        {
            assert_eq!(optional_scalar(value).unwrap().as_deref(), Some(text));
        }
        assert_eq!(optional_scalar(Value::Null).unwrap(), None);
        for wrong in [json!(["1A"]), json!({}), json!("so\0ul")] {
            assert!(optional_scalar(wrong.clone()).is_err(), "{wrong}");
        }
    }
}

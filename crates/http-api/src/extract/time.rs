//! Times and days in requests. Each has one form.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// The detail of a text that is not a time.
const NOT_A_TIME: &str = "must be a time such as 2026-12-01T19:30:00+09:00";
/// Characters of a time up to its seconds.
const SECONDS_END: usize = 19;

/// Reads a time by RFC 3339 with an offset, such as `2026-12-01T19:30:00+09:00`; `null` and (with
/// `#[serde(default)]`) absence are `None`.
///
/// # Errors
///
/// When the value is anything else, such as a leap second, an offset of a day, or another form of ISO 8601.
pub fn optional_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => return Ok(None),
        serde_json::Value::String(text) => text,
        _ => return Err(D::Error::custom(NOT_A_TIME)),
    };
    time(&text).map(Some).ok_or_else(|| D::Error::custom(NOT_A_TIME))
}

/// Reads a day, such as `2026-12-01`.
pub fn day(text: &str) -> Option<Date> {
    // The parser alone also accepts a time, and drops it.
    text.parse().ok().filter(|day: &Date| day.to_string() == text)
}

fn time(text: &str) -> Option<Timestamp> {
    if !text.is_ascii() {
        return None;
    }
    let (civil, rest) = text.split_at_checked(SECONDS_END)?;
    let has_form = |part: &str, form: &str| {
        part.len() == form.len()
            && part.bytes().zip(form.bytes()).all(|(byte, expected)| match expected {
                b'0' => byte.is_ascii_digit(),
                expected => byte.eq_ignore_ascii_case(&expected),
            })
    };
    let offset = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let offset = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
            if !(1..=9).contains(&(fraction.len() - offset.len())) {
                return None;
            }
            offset
        }
    };
    let is_offset = match offset {
        "Z" | "z" => true,
        _ => {
            (has_form(offset, "+00:00") || has_form(offset, "-00:00"))
                && offset[1..3] <= *"23"
                && offset[4..] <= *"59"
        }
    };
    let is_time = has_form(civil, "0000-00-00T00:00:00") && civil[17..] <= *"59" && is_offset;
    is_time.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn time_has_a_date_a_time_with_seconds_and_an_offset() {
        for (text, utc) in [
            ("2026-12-01T19:30:00+09:00", "2026-12-01T10:30:00Z"),
            ("2026-12-01T19:30:00Z", "2026-12-01T19:30:00Z"),
            ("2026-12-01t19:30:00z", "2026-12-01T19:30:00Z"),
            ("2026-12-01T19:30:59.123-23:59", "2026-12-02T19:29:59.123Z"),
            ("2028-02-29T00:00:00-00:00", "2028-02-29T00:00:00Z"),
        ] {
            let read = optional_time(json!(text)).unwrap().unwrap();
            assert_eq!(read.to_string(), utc, "{text}");
        }
        assert_eq!(optional_time(Value::Null).unwrap(), None);
    }

    #[test]
    fn text_that_is_not_a_time_is_refused_in_one_sentence() {
        for text in [
            "",
            "soon",
            "2026-12-01",
            "2026-12-01T19:30Z",
            "2026-12-01T19:30:00",
            "2026-12-01 19:30:00Z",
            "20261201T193000Z",
            "2026-12-01T19:30:60Z",
            "2026-12-01T24:00:00Z",
            "2026-12-01T19:60:00Z",
            "2026-02-30T19:30:00Z",
            "2026-12-01T19:30:00+24:00",
            "2026-12-01T19:30:00+09:60",
            "2026-12-01T19:30:00+0900",
            "2026-12-01T19:30:00+09",
            "2026-12-01T19:30:00+09:00:30",
            "2026-12-01T19:30:00.Z",
            "2026-12-01T19:30:00,5Z",
            "2026-12-01T19:30:00.1234567890Z",
            "2026-12-01T19:30:00Z[Asia/Seoul]",
            "2026-12-01T19:30:00+09:00[Asia/Seoul]",
            "+002026-12-01T19:30:00Z",
            " 2026-12-01T19:30:00Z",
            "2026-12-01T19:30:00Z ",
            "２026-12-01T19:30:00Z",
            "2026-12-01T19:30:0０Z",
        ] {
            let error = optional_time(json!(text)).unwrap_err().to_string();
            assert_eq!(error, NOT_A_TIME, "{text}");
        }
        for other in [json!(1_796_153_400), json!(true), json!([]), json!({})] {
            assert_eq!(optional_time(other.clone()).unwrap_err().to_string(), NOT_A_TIME, "{other}");
        }
    }

    #[test]
    fn day_is_a_date_and_nothing_else() {
        assert_eq!(day("2026-12-01").map(|day| day.to_string()).as_deref(), Some("2026-12-01"));
        for wrong in
            ["", "2026-12-1", "20261201", "2026-12-01T10:00", "2026-02-30", " 2026-12-01", "+002026-12-01"]
        {
            assert_eq!(day(wrong), None, "{wrong}");
        }
    }
}

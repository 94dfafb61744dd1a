//! Formats a log line for people.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Whether lines for people have colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colors {
    On,
    Off,
}

/// The fields of a line that [`readable`] prints in another way than as `name=value`, or not at all: a reader
/// knows whose output this is.
const SHOWN_OTHERWISE: [&str; 5] = ["timestamp", "level", "service", "message", "target"];
/// The fields of a request that replace the message.
const OF_A_REQUEST: [&str; 4] =
    ["http.request.method", "url.path", "http.response.status_code", "duration_ms"];

/// Converts `line`, a JSON object with its line break, into a line such as
/// `2026-11-30T18:04:05.123456Z  INFO POST /books 201 12.3 ms booking_id=7`. A line of another form, such as
/// a part of a panic's message, is returned unchanged.
///
/// Control characters and invisible ones are escaped, so that a value cannot control a terminal.
pub fn readable(line: &str, colors: Colors) -> String {
    let fields = match serde_json::from_str::<Map<String, Value>>(line) {
        Ok(fields) if fields.contains_key("timestamp") => fields,
        _ => return line.to_owned(),
    };
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut shown = String::with_capacity(line.len());
    let (on, off) = match colors {
        Colors::On => (color(text("level")), "\u{1b}[0m"),
        Colors::Off => ("", ""),
    };
    let _ = write!(shown, "{} {on}{:>5}{off} ", plain(text("timestamp")), plain(text("level")));
    let is_request = OF_A_REQUEST.iter().all(|name| fields.contains_key(*name));
    if is_request {
        let [method, path, status, ms] = OF_A_REQUEST.map(|name| &fields[name]);
        let (method, path) = (method.as_str().unwrap_or_default(), path.as_str().unwrap_or_default());
        let ms = ms.as_f64().unwrap_or_default();
        let _ = write!(shown, "{} {} {status} {ms:.1} ms", plain(method), plain(path));
    } else {
        shown.push_str(&plain(text("message")));
    }
    for (name, value) in &fields {
        let name = name.as_str();
        if SHOWN_OTHERWISE.contains(&name) || is_request && OF_A_REQUEST.contains(&name) {
            continue;
        }
        match value {
            Value::String(text) if is_word(text) => {
                let _ = write!(shown, " {name}={text}");
            }
            Value::String(text) => {
                let _ = write!(shown, " {name}={text:?}");
            }
            other => {
                let _ = write!(shown, " {name}={other}");
            }
        }
    }
    shown.push('\n');
    shown
}

/// Whether `text` needs no quotes.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'='))
}

/// Escapes what is not printable.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\'' | '\\' => plain.push(character),
            other => plain.extend(other.escape_debug()),
        }
    }
    plain
}

/// The escape sequence of a level's color.
fn color(level: &str) -> &'static str {
    match level {
        "ERROR" => "\u{1b}[31m",
        "WARN" => "\u{1b}[33m",
        "INFO" => "\u{1b}[32m",
        _ => "\u{1b}[34m",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_shown_by_its_method_path_status_and_duration() {
        let line = r#"{"timestamp":"2026-11-30T18:04:05.123456Z","level":"INFO","service":"book","message":"answered a request","http.request.method":"POST","url.path":"/books","http.response.status_code":201,"duration_ms":12.345,"request_id":"a-1","booking_id":7,"target":"t"}"#;
        assert_eq!(
            readable(&format!("{line}\n"), Colors::Off),
            "2026-11-30T18:04:05.123456Z  INFO POST /books 201 12.3 ms request_id=a-1 booking_id=7\n"
        );
    }

    #[test]
    fn other_lines_are_shown_by_their_message_and_fields() {
        let line = r#"{"timestamp":"t","level":"WARN","message":"it isn't there","cause":"two words","empty":"","n":1.5,"target":"t"}"#;
        assert_eq!(
            readable(line, Colors::On),
            "t \u{1b}[33m WARN\u{1b}[0m it isn't there cause=\"two words\" empty=\"\" n=1.5\n"
        );
    }

    #[test]
    fn value_cannot_control_the_terminal() {
        let hostile = "a\u{1b}[2J\n\u{9b}\u{202e}";
        let line = serde_json::json!({
            "timestamp": hostile, "level": "INFO", "message": hostile, "cause": hostile,
        });
        let shown = readable(&line.to_string(), Colors::Off);
        assert_eq!(shown.matches(r"a\u{1b}[2J\n\u{9b}\u{202e}").count(), 3, "{shown}");
        assert!(!shown.trim_end().contains(|character: char| character.is_control()), "{shown}");
    }

    #[test]
    fn lines_of_another_form_are_unchanged() {
        for line in
            ["", "\n", "thread 'main' panicked at src/lib.rs:1:1:\n", "{\"half\": \n", "[1]\n", "{\"a\":1}\n"]
        {
            assert_eq!(readable(line, Colors::On), line);
        }
    }
}

//! What a log line says about itself: its time, its level, its booking and its trace. The processes write their
//! lines for people (`pretty`) or as JSON.

use jiff::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Error,
    Warn,
    /// Information, and details for debugging.
    Other,
}

/// A log line. Other output, such as the second line of a panic, has no time.
#[derive(Clone, Copy, Debug)]
pub struct LogLine<'l> {
    pub at: Timestamp,
    pub level: Level,
    text: &'l str,
}

/// The paths whose number is the id of a booking: tickets and pages have the ids of their bookings.
const PATHS_OF_A_BOOKING: [&str; 3] = [" /books/", " /tickets/", " /mypages/"];

impl<'l> LogLine<'l> {
    pub fn parse(text: &'l str) -> Option<Self> {
        let (time, rest) = match text.strip_prefix('{') {
            Some(json) => (value(json, "timestamp")?, value(json, "level")?),
            None => text.split_once(' ')?,
        };
        let level = match rest.split_whitespace().next()? {
            "ERROR" => Level::Error,
            "WARN" => Level::Warn,
            "INFO" | "DEBUG" | "TRACE" => Level::Other,
            _ => return None,
        };
        Some(Self { at: time.parse().ok()?, level, text })
    }

    /// The trace of the request or the event.
    pub fn trace(&self) -> Option<&'l str> {
        value(self.text, "trace_id").filter(|trace| !trace.is_empty())
    }

    /// Whether the line names `booking`, or else another booking; `None` if it names none.
    pub fn is_of(&self, booking: i64) -> Option<bool> {
        let mut named = values(self.text, "booking_id").filter_map(|id| id.parse::<i64>().ok()).peekable();
        if named.peek().is_some() {
            return Some(named.any(|id| id == booking));
        }
        let number = PATHS_OF_A_BOOKING.iter().find_map(|path| self.text.split_once(*path))?.1;
        let digits = number.find(|character: char| !character.is_ascii_digit()).unwrap_or(number.len());
        Some(number[..digits].parse::<i64>().ok()? == booking)
    }
}

/// The value of the first field `name`.
fn value<'l>(text: &'l str, name: &str) -> Option<&'l str> {
    values(text, name).next()
}

/// The values of all fields `name`: `name=value`, `name="value"`, or as JSON.
fn values<'l>(text: &'l str, name: &str) -> impl Iterator<Item = &'l str> {
    text.match_indices(name).filter_map(move |(at, _)| {
        let is_word = text[..at].ends_with(|before: char| " \"{,:".contains(before));
        let after = text[at + name.len()..].trim_start_matches('"');
        let value = after.strip_prefix(['=', ':']).filter(|_| is_word)?.trim_start_matches('"');
        value.split([' ', '"', ',', '}']).next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, booking: i64) -> Option<bool> {
        LogLine::parse(text).unwrap().is_of(booking)
    }

    #[test]
    fn pretty_line_is_parsed() {
        let text = "2026-11-30T13:26:21.5Z  WARN request: book: late request_id=r trace_id=4bf booking_id=12";
        let line = LogLine::parse(text).unwrap();
        assert_eq!((line.at, line.level), ("2026-11-30T13:26:21.5Z".parse().unwrap(), Level::Warn));
        assert_eq!(line.trace(), Some("4bf"));
        assert_eq!((of(text, 12), of(text, 1)), (Some(true), Some(false)));
    }

    #[test]
    fn json_line_is_parsed() {
        let text = r#"{"timestamp":"2026-11-30T13:26:21.5Z","level":"INFO","message":"x","span":{"booking_id":"12","trace_id":"4bf"}}"#;
        let line = LogLine::parse(text).unwrap();
        assert_eq!((line.at, line.level), ("2026-11-30T13:26:21.5Z".parse().unwrap(), Level::Other));
        assert_eq!(line.trace(), Some("4bf"));
        assert_eq!((of(text, 12), of(text, 2)), (Some(true), Some(false)));
        let number = r#"{"timestamp":"2026-11-30T13:26:21.5Z","level":"INFO","booking_id":12}"#;
        assert_eq!((of(number, 12), of(number, 1)), (Some(true), Some(false)));
    }

    #[test]
    fn path_of_a_booking_names_it() {
        let line = |path| format!("2026-11-30T13:26:21.5Z  INFO request: GET {path} 200 1.0 ms");
        for path in ["/books/12", "/tickets/12", "/mypages/12", "/books/12/payment"] {
            assert_eq!((of(&line(path), 12), of(&line(path), 1)), (Some(true), Some(false)), "{path}");
        }
        for path in ["/payments/12", "/books", "/books/search"] {
            assert_eq!(of(&line(path), 12), None, "{path}");
        }
    }

    #[test]
    fn other_output_is_no_log_line() {
        for text in
            ["", "thread 'main' panicked at src/main.rs:1:1:", "configuration error: PORT", "{}", "영화 예매"]
        {
            assert!(LogLine::parse(text).is_none(), "{text}");
        }
    }
}

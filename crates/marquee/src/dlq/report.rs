//! Prints letters as a table, one by one, or as JSON.

use std::io;

use event_log::{Position, Record};
use messaging::dead_letter::Letter;
use serde_json::{Value, json};

use super::name::name;
use crate::output::{OutputError, print, printable, printable_json};
use crate::paint::{BAD, GOOD, HEADING, Paint, QUIET};

const COLUMNS: [&str; 6] = ["LETTER", "CONSUMER", "EVENT", "KEY", "READ AT", "REASON"];

pub fn table(letters: &[Letter], all: bool) -> Result<(), OutputError> {
    let paint = Paint::for_stream(&io::stdout());
    if letters.is_empty() {
        return print(
            &paint.text(GOOD, if all { "no dead letters, replayed or not" } else { "no dead letters" }),
        );
    }
    let rows: Vec<[String; 6]> = letters.iter().map(row).collect();
    let widths: [usize; 6] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([COLUMNS[column].len()]).max().unwrap_or_default()
    });
    print(&paint.text(HEADING, line(&COLUMNS.map(str::to_owned), &widths)))?;
    for (letter, row) in letters.iter().zip(&rows) {
        let line = line(row, &widths);
        print(&if letter.replayed { paint.text(QUIET, format_args!("{line} (replayed)")) } else { line })?;
    }
    Ok(())
}

fn row(letter: &Letter) -> [String; 6] {
    [
        name(letter.position),
        letter.consumer.clone(),
        event_type(&letter.record).unwrap_or_else(|| "?".to_owned()),
        letter.record.key.clone().unwrap_or_else(|| "none".to_owned()),
        place(letter),
        letter.reason.clone(),
    ]
    .map(|cell| printable(&cell).into_owned())
}

fn line(cells: &[String; 6], widths: &[usize; 6]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

pub fn letter(letter: &Letter) -> Result<(), OutputError> {
    let paint = Paint::for_stream(&io::stdout());
    let field = |what: &str, value: &str| {
        print(&format!("{}{}", paint.text(HEADING, format_args!("{what:<10}")), printable(value)))
    };
    field("letter", &name(letter.position))?;
    field("state", if letter.replayed { "replayed" } else { "waiting" })?;
    field("consumer", &letter.consumer)?;
    print(&format!("{}{}", paint.text(HEADING, "reason    "), paint.text(BAD, printable(&letter.reason))))?;
    field("attempts", &letter.attempts.to_string())?;
    field("read at", &place(letter))?;
    field("key", letter.record.key.as_deref().unwrap_or("none"))?;
    for (header, value) in &letter.record.headers {
        field("header", &format!("{header}: {value}"))?;
    }
    print(&paint.text(HEADING, "payload"))?;
    for line in payload(&letter.record).lines() {
        print(&format!("  {line}"))?;
    }
    Ok(())
}

/// Prints all letters as one array, for other programs.
pub fn json(letters: &[Letter]) -> Result<(), OutputError> {
    let letters: Vec<Value> = letters.iter().map(as_json).collect();
    print(&printable_json(&format!("{:#}", Value::Array(letters))))
}

fn as_json(letter: &Letter) -> Value {
    json!({
        "letter": name(letter.position),
        "consumer": letter.consumer,
        "reason": letter.reason,
        "topic": letter.topic,
        "partition": letter.origin.partition,
        "offset": letter.origin.offset,
        "attempts": letter.attempts,
        "replayed": letter.replayed,
        "eventType": event_type(&letter.record),
        "key": letter.record.key,
        "headers": letter.record.headers,
        "payload": letter.record.payload.as_deref().map(String::from_utf8_lossy),
    })
}

/// Prints the letters that were replayed now, or would be, and the ones that were replayed before.
pub fn replayed(open: &[Letter], done: &[Letter], dry_run: bool) -> Result<(), OutputError> {
    let paint = Paint::for_stream(&io::stdout());
    for letter in done {
        print(&paint.text(QUIET, format_args!("{} was replayed before", name(letter.position))))?;
    }
    let verb = if dry_run { "would replay" } else { "replayed" };
    for letter in open {
        let event = event_type(&letter.record).unwrap_or_else(|| "a record that is not an event".to_owned());
        let line = format!("{verb} {} for {}: {event}", name(letter.position), letter.consumer);
        print(&printable(&line))?;
    }
    match (open.len(), done.len()) {
        (0, 0) => print(&paint.text(GOOD, "no dead letters to replay")),
        (0, _) => Ok(()),
        (count, _) if dry_run => print(&format!("{count} in total; nothing was changed")),
        (count, _) => print(&paint.text(
            GOOD,
            format_args!("{count} in total; an event that fails again becomes a new dead letter"),
        )),
    }
}

fn place(letter: &Letter) -> String {
    let Position { partition, offset } = letter.origin;
    format!("{}/{partition}/{offset}", letter.topic)
}

/// The type of the event; `None` if the record is not an event.
fn event_type(record: &Record) -> Option<String> {
    let payload: Value = serde_json::from_slice(record.payload.as_deref()?).ok()?;
    payload["eventType"].as_str().map(str::to_owned)
}

fn payload(record: &Record) -> String {
    let Some(bytes) = &record.payload else { return "none".to_owned() };
    match serde_json::from_slice::<Value>(bytes) {
        Ok(json) => printable_json(&format!("{json:#}")).into_owned(),
        Err(_) => printable(&String::from_utf8_lossy(bytes)).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(payload: &[u8]) -> Letter {
        Letter {
            position: Position { partition: 0, offset: 17 },
            consumer: "book".to_owned(),
            reason: "row bookings 1 is corrupt\nvery".to_owned(),
            topic: "movie".to_owned(),
            origin: Position { partition: 3, offset: 42 },
            appended_at: None,
            attempts: 1,
            record: Record { key: None, payload: Some(payload.to_vec()), headers: Vec::new() },
            replayed: false,
        }
    }

    #[test]
    fn letter_is_one_line_of_printable_text() {
        let row = row(&letter(br#"{"eventType":"Pai\u001b[31md\u202e"}"#));
        let expected = [
            "0-17",
            "book",
            r"Pai\u{1b}[31md\u{202e}",
            "none",
            "movie/3/42",
            r"row bookings 1 is corrupt\nvery",
        ];
        assert_eq!(row, expected);
        assert_eq!(super::row(&letter(b"\xff"))[2], "?");
    }

    #[test]
    fn json_has_all_details() {
        let expected = json!({
            "letter": "0-17", "consumer": "book", "reason": "row bookings 1 is corrupt\nvery", "topic": "movie",
            "partition": 3, "offset": 42, "attempts": 1, "replayed": false, "eventType": "Paid", "key": null,
            "headers": [], "payload": r#"{"eventType":"Paid"}"#,
        });
        assert_eq!(as_json(&letter(br#"{"eventType":"Paid"}"#)), expected);
    }

    #[test]
    fn json_payload_is_formatted_and_other_payload_is_escaped() {
        assert_eq!(payload(&letter(br#"{"a":1}"#).record), "{\n  \"a\": 1\n}");
        let hidden = payload(&letter(br#"{"a":"\u202e\u009b"}"#).record);
        assert_eq!(hidden, "{\n  \"a\": \"\\u202e\\u009b\"\n}");
        assert_eq!(payload(&letter(b"not\x1b json").record), r"not\u{1b} json");
    }
}

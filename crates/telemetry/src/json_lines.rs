//! Formats log lines: one JSON object a line, whose fields are those of the event and of the spans around it.
//!
//! A line has no nested objects, so that a search needs only a field's name. If several spans or the event
//! have a field of the same name, the innermost one counts.

use std::cell::Cell;
use std::fmt::{self, Debug, Write as _};
use std::io::Write as _;
use std::ops::Range;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::readable::{Colors, readable};

/// Fields of events that came through the crate `log`; the line has them as its target already.
const OF_THE_LOG_CRATE: &str = "log.";
/// The bytes of the fields of a request: its id, its trace and a booking.
const SPAN_BYTES: usize = 160;

/// Writes one line per event to `output`.
pub struct JsonLines<W> {
    /// The value of the field `service`.
    service: String,
    output: W,
    /// Lines for people instead, with or without colors.
    readable: Option<Colors>,
}

impl<W> JsonLines<W> {
    /// `service` is the name of the process.
    pub fn new(service: impl Into<String>, output: W) -> Self {
        Self { service: service.into(), output, readable: None }
    }

    /// Writes the lines for people: see [`readable()`].
    #[must_use]
    pub fn for_people(self, colors: Colors) -> Self {
        Self { readable: Some(colors), ..self }
    }
}

/// The fields of a span, as members of a JSON object.
struct SpanFields {
    text: String,
    /// The name of each field, and where `text` contains its member.
    members: Vec<(&'static str, Range<usize>)>,
}

/// The buffers of a line, which each thread reuses.
#[derive(Default)]
struct Line {
    text: String,
    /// The fields that `text` contains.
    names: Vec<&'static str>,
}

thread_local! {
    static LINE: Cell<Line> = Cell::default();
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields =
            SpanFields { text: String::with_capacity(SPAN_BYTES), members: Vec::with_capacity(4) };
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<SpanFields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // Taken, because a value may log while it is formatted.
        let mut line = LINE.take();
        line.format(&self.service, event, &context);
        let mut output = self.output.make_writer_for(event.metadata());
        // A failure of the log cannot be logged.
        let _ = match self.readable {
            None => output.write_all(line.text.as_bytes()),
            Some(colors) => output.write_all(readable(&line.text, colors).as_bytes()),
        };
        LINE.set(line);
    }
}

impl Line {
    fn format<S>(&mut self, service: &str, event: &Event<'_>, context: &Context<'_, S>)
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        self.text.clear();
        self.names.clear();
        self.text.push_str("{\"timestamp\":\"");
        let _ = SystemTime.format_time(&mut Writer::new(&mut self.text));
        self.text.push_str("\",\"level\":\"");
        self.text.push_str(event.metadata().level().as_str());
        self.text.push('"');
        member(&mut self.text, "service", |text| string(text, service));
        event.record(self);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<SpanFields>() {
                self.append(fields);
            }
        }
        member(&mut self.text, "target", |text| string(text, event.metadata().target()));
        self.text.push_str("}\n");
    }

    fn append(&mut self, fields: &SpanFields) {
        for (name, range) in &fields.members {
            if !self.names.contains(name) {
                self.names.push(name);
                self.text.push_str(&fields.text[range.clone()]);
            }
        }
    }
}

/// Appends fields to a JSON object.
trait Members {
    fn add(&mut self, name: &'static str, value: impl FnOnce(&mut String));
}

impl Members for Line {
    fn add(&mut self, name: &'static str, value: impl FnOnce(&mut String)) {
        if !name.starts_with(OF_THE_LOG_CRATE) {
            self.names.push(name);
            member(&mut self.text, name, value);
        }
    }
}

impl Members for SpanFields {
    fn add(&mut self, name: &'static str, value: impl FnOnce(&mut String)) {
        let start = self.text.len();
        member(&mut self.text, name, value);
        let range = start..self.text.len();
        match self.members.iter_mut().find(|(known, _)| *known == name) {
            Some((_, member)) => *member = range,
            None => self.members.push((name, range)),
        }
    }
}

/// Implements [`Visit`] for a type with [`Members`]; the orphan rule forbids a blanket implementation.
macro_rules! visit_members {
    ($($of:ty),*) => {$(
        impl Visit for $of {
            fn record_i64(&mut self, field: &Field, value: i64) {
                self.add(field.name(), |text| number(text, value));
            }

            fn record_u64(&mut self, field: &Field, value: u64) {
                self.add(field.name(), |text| number(text, value));
            }

            fn record_i128(&mut self, field: &Field, value: i128) {
                self.add(field.name(), |text| number(text, value));
            }

            fn record_u128(&mut self, field: &Field, value: u128) {
                self.add(field.name(), |text| number(text, value));
            }

            fn record_bool(&mut self, field: &Field, value: bool) {
                self.add(field.name(), |text| number(text, value));
            }

            fn record_f64(&mut self, field: &Field, value: f64) {
                // JSON has no infinity.
                self.add(field.name(), |text| {
                    if value.is_finite() { number(text, value) } else { text.push_str("null") }
                });
            }

            fn record_str(&mut self, field: &Field, value: &str) {
                self.add(field.name(), |text| string(text, value));
            }

            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                self.add(field.name(), |text| {
                    text.push('"');
                    let _ = write!(Escaped(text), "{value:?}");
                    text.push('"');
                });
            }
        }
    )*};
}

visit_members!(Line, SpanFields);

fn member(text: &mut String, name: &str, value: impl FnOnce(&mut String)) {
    text.push_str(",\"");
    text.push_str(name);
    text.push_str("\":");
    value(text);
}

/// Numbers, `true` and `false` have the same form in JSON.
fn number(text: &mut String, value: impl fmt::Display) {
    let _ = write!(text, "{value}");
}

fn string(text: &mut String, value: &str) {
    text.push('"');
    escape(text, value);
    text.push('"');
}

/// Escapes what is written.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        escape(self.0, part);
        Ok(())
    }
}

/// Escapes the characters that a JSON string cannot contain (RFC 8259, section 7).
fn escape(text: &mut String, value: &str) {
    let mut rest = value;
    while let Some(at) = rest.find(|character: char| matches!(character, '"' | '\\' | '\0'..='\u{1f}')) {
        text.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            other => {
                let _ = write!(text, "\\u{other:04x}");
            }
        }
        rest = &rest[at + 1..];
    }
    text.push_str(rest);
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing::field::Empty;
    use tracing::{info, info_span, warn};
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::registry;

    use super::*;

    #[derive(Default)]
    struct Output(Mutex<Vec<u8>>);

    impl std::io::Write for &Output {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Returns what `work` logs.
    fn logged(work: impl FnOnce()) -> String {
        let output = Arc::<Output>::default();
        let lines = JsonLines::new("book", output.clone());
        tracing::subscriber::with_default(registry().with(lines), work);
        String::from_utf8(output.0.lock().unwrap().clone()).unwrap()
    }

    /// Returns the only line that `work` logs, without its time.
    fn line(work: impl FnOnce()) -> Value {
        let text = logged(work);
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        let mut line: Value = serde_json::from_str(&text).unwrap();
        let timestamp = line.as_object_mut().unwrap().remove("timestamp").unwrap();
        assert!(
            timestamp.as_str().is_some_and(|time| time.len() == 27 && time.ends_with('Z')),
            "{timestamp}"
        );
        line
    }

    #[test]
    fn line_has_the_fields_of_the_event_and_of_its_spans() {
        let request = || {
            let _request = info_span!("request", trace_id = "4bf9", booking_id = Empty).entered();
            tracing::Span::current().record("booking_id", 7_i64);
            let _inner = info_span!("call", upstream = "payment").entered();
            info!(http.response.status_code = 201_u16, duration_ms = 1.5, slow = false, "answered a request");
        };
        assert_eq!(
            line(request),
            json!({
                "level": "INFO", "service": "book", "message": "answered a request",
                "http.response.status_code": 201, "duration_ms": 1.5, "slow": false,
                "upstream": "payment", "trace_id": "4bf9", "booking_id": 7,
                "target": "telemetry::json_lines::tests",
            })
        );
    }

    #[test]
    fn innermost_field_of_a_name_is_the_only_one() {
        let text = logged(|| {
            let span = info_span!("request", booking_id = 1_i64, cause = "of the span").entered();
            span.record("booking_id", 2_i64);
            warn!(cause = "of the event", "failed");
        });
        assert!(text.contains("\"booking_id\":2,") && text.contains("\"cause\":\"of the event\""), "{text}");
        assert!(text.matches("booking_id").count() == 1 && text.matches("cause").count() == 1, "{text}");
    }

    #[test]
    fn any_text_is_one_valid_line() {
        for text in ["", "two\nlines\tand \"quotes\" \\", "\0\u{1b}[2J\u{1f}\u{7f}", "영화 🎬 \u{2028}"] {
            let line = line(|| info!(shown = %text, plain = text, debug = ?text, "sentence"));
            assert_eq!((&line["shown"], &line["plain"]), (&json!(text), &json!(text)));
            assert_eq!(line["debug"], format!("{text:?}"));
        }
        assert_eq!(line(|| info!(rate = f64::NAN, "sentence"))["rate"], Value::Null);
    }

    /// `tracing` itself drops an event within an event.
    #[test]
    fn value_that_logs_while_it_is_formatted_leaves_its_line_whole() {
        struct Logs;
        impl fmt::Display for Logs {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                info!("inner");
                f.write_str("value")
            }
        }
        let line = line(|| info!(value = %Logs, "outer"));
        assert_eq!((&line["message"], &line["value"]), (&json!("outer"), &json!("value")));
    }
}

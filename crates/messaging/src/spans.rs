//! The spans of publishing and processing an event, in the trace of the request that caused it.
//!
//! Names and attributes: <https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/>.

use std::error::Error;

use event_log::{Record, Transport};
use events::{Event, TOPIC, headers};
use telemetry::trace_context::TraceContext;
use telemetry::{Span, SpanKind, chain, exports_spans};

/// Begins the span of publishing `record`, and makes it the one that consumers continue. Returns `None` for
/// a trace that is not exported.
pub fn publishing(record: &mut Record, transport: &dyn Transport) -> Option<Span> {
    if !exports_spans() {
        return None;
    }
    let event_type = headers::find(&record.headers, "type").unwrap_or_default().to_owned();
    let (_, traceparent) = record.headers.iter_mut().find(|(name, _)| name == headers::TRACEPARENT)?;
    let mut span = Span::of_header(Some(traceparent), SpanKind::Producer, format!("send {TOPIC}"));
    if !span.is_recorded() {
        return None;
    }
    traceparent.clone_from(&span.context().to_string());
    describe(&mut span, "send", transport, &event_type);
    if let Some(booking) = record.key.as_ref().and_then(|key| key.parse::<i64>().ok()) {
        span.set(headers::BOOKING_ATTRIBUTE, booking);
    }
    Some(span)
}

/// Begins the span of processing `event`, which was sent at `sender`.
pub fn processing(
    sender: TraceContext,
    event: &Event,
    consumer: &'static str,
    transport: &dyn Transport,
) -> Span {
    let mut span = Span::of_message(sender, format!("process {TOPIC}"));
    if span.is_recorded() {
        describe(&mut span, "process", transport, event.event_type());
        span.set("messaging.consumer.group.name", consumer);
        span.set(headers::BOOKING_ATTRIBUTE, event.booking_id().get());
    }
    span
}

/// Marks the operation of all `spans` as failed.
pub fn fail(spans: &mut [Span], error: &(dyn Error + 'static)) {
    for span in spans {
        span.fail(chain(error));
    }
}

fn describe(span: &mut Span, operation: &'static str, transport: &dyn Transport, event_type: &str) {
    let is_kafka = transport.name().is_some_and(|name| name.starts_with("kafka:"));
    span.set("messaging.system", if is_kafka { "kafka" } else { "marquee" });
    span.set("messaging.operation.name", operation);
    span.set("messaging.operation.type", operation);
    span.set("messaging.destination.name", TOPIC);
    span.set("marquee.event.type", event_type.to_owned());
}

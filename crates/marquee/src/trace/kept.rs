//! The latest spans of the fleet, in memory.

use std::collections::{BTreeMap, HashSet, VecDeque};

use events::headers::BOOKING_ATTRIBUTE;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde::{Deserialize, Serialize};

/// Maximum size of all spans; the oldest make room for new ones.
const MAX_BYTES: usize = 64 << 20;
/// Maximum number of spans that are shown of a trace. A client that sends the same `traceparent` with all its
/// requests puts them into one trace.
pub const MAX_SHOWN: usize = 2_000;

/// A span, reduced to what `marquee trace` shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub trace_id: String,
    pub span_id: String,
    /// Empty at the beginning of a trace.
    pub parent_id: String,
    pub service: String,
    pub name: String,
    /// Nanoseconds since 1970.
    pub start_ns: u64,
    pub end_ns: u64,
    /// What the name does not say: a status, the type of an event.
    pub facts: Vec<String>,
    /// Why it failed; empty if the cause is unknown.
    pub error: Option<String>,
    /// The booking that it names.
    pub booking: Option<i64>,
}

/// The latest spans, in the order of their arrival.
#[derive(Debug, Default)]
pub struct Kept {
    steps: VecDeque<Step>,
    bytes: usize,
}

impl Kept {
    pub fn add(&mut self, request: ExportTraceServiceRequest) {
        for of_process in request.resource_spans {
            let attributes = of_process.resource.map(|resource| resource.attributes).unwrap_or_default();
            let service = text(&attributes, "service.name").unwrap_or_default();
            for span in of_process.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                self.push(step(service.clone(), span));
            }
        }
    }

    fn push(&mut self, step: Step) {
        self.bytes += step.bytes();
        self.steps.push_back(step);
        while self.bytes > MAX_BYTES
            && let Some(oldest) = self.steps.pop_front()
        {
            self.bytes -= oldest.bytes();
        }
    }

    /// Returns the traces that contain a span of the booking. The spans of each trace are sorted by time; at most
    /// the first [`MAX_SHOWN`] that arrived are returned.
    pub fn of_booking(&self, booking: i64) -> Vec<Vec<Step>> {
        let of_it = self.steps.iter().filter(|step| step.booking == Some(booking));
        let ids: HashSet<&str> = of_it.map(|step| step.trace_id.as_str()).collect();
        let mut traces: BTreeMap<&str, Vec<Step>> = BTreeMap::new();
        for step in self.steps.iter().filter(|step| ids.contains(step.trace_id.as_str())) {
            let trace = traces.entry(&step.trace_id).or_default();
            if trace.len() < MAX_SHOWN {
                trace.push(step.clone());
            }
        }
        let mut traces: Vec<_> = traces.into_values().collect();
        for trace in &mut traces {
            trace.sort_by_key(|step| (step.start_ns, step.end_ns));
        }
        traces.sort_by_key(|trace| trace.first().map(|step| step.start_ns));
        traces
    }
}

impl Step {
    fn bytes(&self) -> usize {
        let texts = [&self.trace_id, &self.span_id, &self.parent_id, &self.service, &self.name];
        let facts = self.facts.iter().chain(&self.error).map(|fact| fact.capacity() + size_of::<String>());
        size_of::<Self>() + texts.map(String::capacity).iter().sum::<usize>() + facts.sum::<usize>()
    }
}

fn step(service: String, span: Span) -> Step {
    /// Attributes that are shown.
    const FACTS: [&str; 4] = [
        "http.response.status_code",
        "service.peer.name",
        "messaging.consumer.group.name",
        "marquee.event.type",
    ];
    let failed = span.status.filter(|status| status.code() == StatusCode::Error);
    Step {
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_id: hex(&span.parent_span_id),
        service,
        name: span.name,
        start_ns: span.start_time_unix_nano,
        end_ns: span.end_time_unix_nano,
        facts: FACTS.iter().filter_map(|fact| text(&span.attributes, fact)).collect(),
        error: failed.map(|status| status.message),
        booking: text(&span.attributes, BOOKING_ATTRIBUTE).and_then(|id| id.parse().ok()),
    }
}

/// The value of an attribute, as text.
fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(trace: &str, start_ns: u64, booking: Option<i64>) -> Step {
        Step { trace_id: trace.to_owned(), start_ns, booking, ..Step::default() }
    }

    #[test]
    fn traces_of_a_booking_contain_all_their_spans_in_order() {
        let mut kept = Kept::default();
        for step in [
            step("b", 30, Some(7)),
            step("a", 20, Some(7)),
            step("a", 10, None),
            step("c", 5, Some(8)),
            step("c", 6, None),
        ] {
            kept.push(step);
        }
        let starts: Vec<Vec<u64>> =
            kept.of_booking(7).iter().map(|trace| trace.iter().map(|step| step.start_ns).collect()).collect();
        assert_eq!(starts, [vec![10, 20], vec![30]]);
        assert!(kept.of_booking(9).is_empty());
        for start_ns in 0..MAX_SHOWN as u64 {
            kept.push(step("b", start_ns, Some(7)));
        }
        assert_eq!(kept.of_booking(7)[0].len(), MAX_SHOWN);
    }

    #[test]
    fn oldest_spans_make_room_for_new_ones() {
        let mut kept = Kept::default();
        let large = Step { name: "n".repeat(MAX_BYTES / 4), ..Step::default() };
        for id in 1..=10 {
            kept.push(Step { booking: Some(id), trace_id: id.to_string(), ..large.clone() });
        }
        assert!(kept.bytes <= MAX_BYTES, "{}", kept.bytes);
        assert_eq!(kept.of_booking(10).len(), 1);
        assert!(kept.of_booking(1).is_empty());
        assert_eq!(kept.bytes, kept.steps.iter().map(Step::bytes).sum::<usize>());
    }
}

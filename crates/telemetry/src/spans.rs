//! Spans: what a process contributes to a trace.
//!
//! The context of a span is what a process sends on, so the processes that a request passes agree on its trace
//! and on whether it is sampled. Without a collector, a span is only its context.
//!
//! Conventions for names and attributes: <https://opentelemetry.io/docs/specs/semconv/>.

use std::borrow::Cow;

use opentelemetry::trace::{Span as _, SpanBuilder, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, Value};

use crate::span_export::{callers_are_strangers, exports_spans, tracer};
use crate::trace_context::TraceContext;

/// One operation of a trace. It ends when it is dropped.
#[derive(Debug)]
pub struct Span {
    context: TraceContext,
    /// Only if the span is exported. Boxed, because the others should be small.
    recorded: Option<Box<opentelemetry_sdk::trace::Span>>,
}

impl Span {
    /// Begins the span of a request or a message whose `traceparent` is `header`. Without a valid one, the
    /// span begins a trace.
    pub fn of_header(header: Option<&str>, kind: SpanKind, name: impl Into<Cow<'static, str>>) -> Self {
        Self::begin(TraceContext::of_header(header), true, kind, name)
    }

    /// Begins the span of serving a request.
    pub fn of_request(header: Option<&str>, method: &'static str, path: &str) -> Self {
        let mut span = Self::of_header(header, SpanKind::Server, method);
        if span.is_recorded() {
            span.set("http.request.method", method);
            span.set("url.path", path.to_owned());
        }
        span
    }

    /// Adds the answer to the request of this span. A request whose client hangs up has none. The log line of
    /// the request names the cause of a 5xx.
    pub fn answered(&mut self, method: &str, route: Option<&str>, status: u16) {
        if !self.is_recorded() {
            return;
        }
        if let Some(route) = route {
            self.rename(format!("{method} {route}"));
            self.set("http.route", route.to_owned());
        }
        self.set("http.response.status_code", i64::from(status));
        if status >= 500 {
            self.set("error.type", status.to_string());
            self.fail("");
        }
    }

    /// Continues the trace of `header` without any span, for requests that happen all the time.
    pub fn unrecorded(header: Option<&str>) -> Self {
        Self::context_only(TraceContext::of_header(header).map(TraceContext::unsampled))
    }

    /// Begins a span of the request or event that this task handles. Outside of one, it begins a trace.
    pub fn of_current(kind: SpanKind, name: impl Into<Cow<'static, str>>) -> Self {
        Self::begin(TraceContext::current(), false, kind, name)
    }

    /// Begins the span of processing a message, whose sender is at `sender`.
    pub fn of_message(sender: TraceContext, name: impl Into<Cow<'static, str>>) -> Self {
        Self::begin(Some(sender), true, SpanKind::Consumer, name)
    }

    /// Begins the span of work that no request and no event has caused.
    pub fn of_own_work(name: impl Into<Cow<'static, str>>) -> Self {
        Self::begin(None, false, SpanKind::Internal, name)
    }

    /// Begins a span that is only of use if it is exported, such as a step within a request.
    pub fn of_step(kind: SpanKind, name: impl Into<Cow<'static, str>>) -> Option<Self> {
        let current = TraceContext::current().filter(TraceContext::is_sampled)?;
        if !exports_spans() {
            return None;
        }
        Some(Self::begin(Some(current), false, kind, name))
    }

    fn begin(
        parent: Option<TraceContext>,
        is_remote: bool,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
    ) -> Self {
        if let Some(tracer) = tracer() {
            let builder = SpanBuilder::from_name(name).with_kind(kind);
            let parent = parent.map(|parent| parent.to_span_context(is_remote));
            let parent =
                parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
            let span = tracer.build_with_context(builder, &parent);
            // While the process ends, the SDK returns an invalid one.
            if let Some(context) = TraceContext::of_span_context(span.span_context()) {
                let recorded = span.is_recording().then(|| Box::new(span));
                return Self { context, recorded };
            }
        }
        // Without a sampler of its own, a process does not let a stranger decide for those that it calls.
        let is_stranger = is_remote && callers_are_strangers();
        Self::context_only(if is_stranger { parent.map(TraceContext::unsampled) } else { parent })
    }

    fn context_only(parent: Option<TraceContext>) -> Self {
        Self { context: parent.map_or_else(TraceContext::root, TraceContext::child), recorded: None }
    }

    /// Returns the context that the span passes on.
    pub fn context(&self) -> TraceContext {
        self.context
    }

    /// Whether the span is exported, so that its attributes are worth their cost.
    pub fn is_recorded(&self) -> bool {
        self.recorded.is_some()
    }

    fn rename(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.recorded {
            span.update_name(name);
        }
    }

    /// Sets an attribute.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.recorded {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// Marks the operation as failed.
    pub fn fail(&mut self, description: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.recorded {
            span.set_status(Status::error(description));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn span_without_export_continues_the_trace_in_its_header() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let span = Span::of_header(Some(header), SpanKind::Server, "GET");
        assert_eq!(span.context().trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(span.context().to_string(), header);
        assert!(!span.is_recorded());
        assert!(span.context().is_sampled(), "the caller's decision is passed on");
        let other = Span::of_header(None, SpanKind::Server, "GET");
        assert_ne!(other.context().trace_id(), span.context().trace_id());
        assert!(!other.context().is_sampled(), "nothing has decided to sample it");
        assert!(!Span::unrecorded(Some(header)).context().is_sampled());
    }
}

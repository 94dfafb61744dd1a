//! Spans: what a process contributes to a trace. They are exported over OTLP (HTTP, protobuf) if the
//! environment names a collector.
//!
//! OpenTelemetry's SDK reads the standard variables (`OTEL_TRACES_SAMPLER`, `OTEL_BSP_SCHEDULE_DELAY`,
//! `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_RESOURCE_ATTRIBUTES`, …), and batches and sends on a thread of its own.
//! The context of a span is what a process sends on, so the processes that a request passes agree on its
//! trace and on whether it is sampled.
//!
//! Conventions for names and attributes: <https://opentelemetry.io/docs/specs/semconv/>.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanKind, Status, TraceContextExt, TraceId, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_otlp::SpanExporter as OtlpExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    Config, SamplingResult, SdkTracer, SdkTracerProvider, ShouldSample, SpanData, SpanExporter,
};
use uuid::Uuid;

use crate::error_chain::chain;
use crate::outage::Outage;
use crate::trace_context::TraceContext;

/// The variables of which one must name a collector.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// Maximum time that the end of a process waits for its last spans to be sent.
const STOP_TIMEOUT: Duration = Duration::from_millis(500);

static EXPORT: OnceLock<Export> = OnceLock::new();
static CALLERS_ARE_STRANGERS: AtomicBool = AtomicBool::new(false);

struct Export {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// Starts to export the spans of the process `service`, if the environment names a collector.
///
/// # Errors
///
/// What is wrong with a setting.
pub(crate) fn start(service: &str) -> Result<(), String> {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_disabled =
        std::env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value.eq_ignore_ascii_case("true"));
    if is_disabled || !ENDPOINTS.into_iter().any(is_set) || EXPORT.get().is_some() {
        return Ok(());
    }
    let exporter = OtlpExporter::builder().with_http().build();
    let exporter =
        exporter.map_err(|error| format!("{} or {}: {}", ENDPOINTS[0], ENDPOINTS[1], chain(&error)))?;
    let mut resource = Resource::builder().with_attributes([
        KeyValue::new("service.namespace", "marquee"),
        KeyValue::new("process.pid", i64::from(std::process::id())),
    ]);
    if !is_set("OTEL_SERVICE_NAME") {
        resource = resource.with_service_name(service.to_owned());
    }
    let provider = SdkTracerProvider::builder()
        .with_sampler(Box::new(EdgeSampler(Config::default().sampler)) as Box<dyn ShouldSample>)
        .with_resource(resource.build())
        .with_batch_exporter(ReportingExporter { exporter, outage: Outage::of("trace collector") })
        .build();
    let tracer = provider.tracer("marquee");
    EXPORT.get_or_init(|| Export { provider, tracer });
    Ok(())
}

/// Sends the last spans.
pub(crate) fn stop() {
    if let Some(export) = EXPORT.get() {
        // What the collector does not accept in time is lost.
        drop(export.provider.shutdown_with_timeout(STOP_TIMEOUT));
    }
}

/// Makes this process decide by itself whether to sample a request, whatever its caller says. Called at the
/// edge of the fleet: otherwise, anybody on the internet could turn on the recording of all requests.
pub fn distrust_callers() {
    CALLERS_ARE_STRANGERS.store(true, Ordering::Relaxed);
}

/// The configured sampler, which does not see the decision of a stranger.
#[derive(Clone, Debug)]
struct EdgeSampler(Box<dyn ShouldSample>);

impl ShouldSample for EdgeSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let is_stranger = CALLERS_ARE_STRANGERS.load(Ordering::Relaxed)
            && parent.is_some_and(|parent| parent.span().span_context().is_remote());
        // A sampler by ratio looks at the id, which the stranger has chosen too.
        let (parent, trace_id) =
            if is_stranger { (None, TraceId::from(Uuid::new_v4().as_u128())) } else { (parent, trace_id) };
        self.0.should_sample(parent, trace_id, name, kind, attributes, links)
    }
}

/// Exports spans, and reports a collector that does not accept them. Nothing waits for it.
#[derive(Debug)]
struct ReportingExporter {
    exporter: OtlpExporter,
    outage: Outage,
}

impl SpanExporter for ReportingExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let outcome = self.exporter.export(batch).await;
        match &outcome {
            Ok(()) => self.outage.succeeded(),
            Err(error) => self.outage.failed(chain(error)),
        }
        outcome
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

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

    /// Continues the trace of `header` without a span of its own, for requests that happen all the time.
    pub fn unrecorded(header: Option<&str>) -> Self {
        Self {
            context: TraceContext::of_header(header).map_or_else(TraceContext::root, TraceContext::child),
            recorded: None,
        }
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
        EXPORT.get()?;
        Some(Self::begin(Some(current), false, kind, name))
    }

    fn begin(
        parent: Option<TraceContext>,
        is_remote: bool,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
    ) -> Self {
        if let Some(export) = EXPORT.get() {
            let builder = SpanBuilder::from_name(name).with_kind(kind);
            let parent = parent.map(|parent| parent.to_span_context(is_remote));
            let parent =
                parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
            let span = export.tracer.build_with_context(builder, &parent);
            // While the process ends, the SDK returns an invalid one.
            if let Some(context) = TraceContext::of_span_context(span.span_context()) {
                let recorded = span.is_recording().then(|| Box::new(span));
                return Self { context, recorded };
            }
        }
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

    pub fn rename(&mut self, name: impl Into<Cow<'static, str>>) {
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
        let other = Span::of_header(None, SpanKind::Server, "GET");
        assert_ne!(other.context().trace_id(), span.context().trace_id());
    }
}

//! Sends spans to a collector over OTLP (HTTP, protobuf), if the environment names one.
//!
//! OpenTelemetry's SDK reads the standard variables (`OTEL_TRACES_SAMPLER`, `OTEL_BSP_SCHEDULE_DELAY`,
//! `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_RESOURCE_ATTRIBUTES`, …), samples, and sends batches on a thread of its
//! own. It ignores an invalid value in silence, so this module checks the values that decide what is exported.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::SpanExporter as OtlpExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    Config, SamplingResult, SdkTracer, SdkTracerProvider, ShouldSample, SpanData, SpanExporter,
};
use uuid::Uuid;

use crate::error_chain::chain;
use crate::outage::Outage;

/// The variables of which one must name a collector. The first takes precedence.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";
/// Samplers without an argument. `traceidratio` is none of the samplers, because it looks at the id of the
/// trace in every process, and clients choose that.
const SAMPLERS: [&str; 4] = ["always_on", "always_off", "parentbased_always_on", "parentbased_always_off"];
/// The sampler whose argument is a ratio.
const RATIO_SAMPLER: &str = "parentbased_traceidratio";
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
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if !is_wanted(variable)? || EXPORT.get().is_some() {
        return Ok(());
    }
    let exporter = OtlpExporter::builder().with_http().build();
    let exporter =
        exporter.map_err(|error| format!("{} or {}: {}", ENDPOINTS[0], ENDPOINTS[1], chain(&error)))?;
    let mut resource = Resource::builder().with_attributes([
        KeyValue::new("service.namespace", "marquee"),
        KeyValue::new("process.pid", i64::from(std::process::id())),
    ]);
    if variable("OTEL_SERVICE_NAME").is_none() {
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

/// Returns the tracer, if spans are exported.
pub fn tracer() -> Option<&'static SdkTracer> {
    EXPORT.get().map(|export| &export.tracer)
}

/// Whether this process exports spans, so that those which are only of use then are worth their cost.
pub fn exports_spans() -> bool {
    EXPORT.get().is_some()
}

/// Whether the environment names a collector, and does not disable the export.
fn is_wanted(variable: impl Fn(&str) -> Option<String>) -> Result<bool, String> {
    if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(false);
    }
    let set = |names: &[&'static str]| {
        let mut values = names.iter().filter_map(|name| Some((*name, variable(name)?)));
        values.next()
    };
    let Some((name, url)) = set(&ENDPOINTS) else { return Ok(false) };
    if !url.starts_with("http://") {
        return Err(format!("{name}: must begin with http://, because the export has no TLS"));
    }
    if let Some((name, protocol)) = set(&PROTOCOLS).filter(|(_, protocol)| protocol != "http/protobuf") {
        return Err(format!("{name}: must be http/protobuf, not {protocol}"));
    }
    if let Some(sampler) = variable(SAMPLER) {
        let is_ratio = sampler == RATIO_SAMPLER;
        if !is_ratio && !SAMPLERS.contains(&sampler.as_str()) {
            let known = [&SAMPLERS[..], &[RATIO_SAMPLER]].concat().join(", ");
            return Err(format!("{SAMPLER}: must be one of {known}"));
        }
        let ratio = variable(SAMPLER_ARG).map_or(Ok(1.0), |ratio| ratio.parse::<f64>());
        if is_ratio && !ratio.is_ok_and(|ratio| (0.0..=1.0).contains(&ratio)) {
            return Err(format!("{SAMPLER_ARG}: must be a number from 0 to 1"));
        }
    }
    Ok(true)
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

/// Whether this process decides by itself whether to sample a request.
pub fn callers_are_strangers() -> bool {
    CALLERS_ARE_STRANGERS.load(Ordering::Relaxed)
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
        let is_stranger =
            callers_are_strangers() && parent.is_some_and(|parent| parent.span().span_context().is_remote());
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

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(variables: &[(&str, &str)]) -> Result<bool, String> {
        is_wanted(|name| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn spans_are_exported_if_a_collector_is_named() {
        let collector = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        assert_eq!(wanted(&[]), Ok(false));
        assert_eq!(wanted(&[collector]), Ok(true));
        assert_eq!(wanted(&[collector, ("OTEL_SDK_DISABLED", "True")]), Ok(false));
        let ratio = ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
        assert_eq!(wanted(&[collector, ratio, ("OTEL_TRACES_SAMPLER_ARG", "0.01")]), Ok(true));
    }

    #[test]
    fn invalid_value_is_refused_by_the_name_of_its_variable() {
        for (variable, value) in [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://collector:4318/v1/traces"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "1 %"),
            ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ] {
            let others = [
                ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
            ];
            let variables = [&[(variable, value)], &others[..]].concat();
            let refusal = wanted(&variables).unwrap_err();
            assert!(refusal.starts_with(&format!("{variable}: ")), "{refusal}");
        }
    }
}

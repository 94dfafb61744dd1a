//! The metrics, as `/metrics` shows them.

use std::time::Duration;

use circuit_breaker::{Call, CircuitBreaker, Settings, Verdict};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::time::advance;

const STATES: [&str; 5] = ["closed", "open", "half_open", "forced_open", "disabled"];

/// A breaker named `payment` with its metrics. It opens for five seconds if half of the last four calls fail,
/// and has two probes. A call is slow after one second.
struct Metered {
    breaker: CircuitBreaker,
    metrics: PrometheusHandle,
}

impl Metered {
    fn new() -> Self {
        let settings = Settings {
            slow_call_duration_threshold: Duration::from_secs(1),
            sliding_window_size: 4,
            minimum_number_of_calls: 4,
            wait_duration_in_open_state: Duration::from_secs(5),
            permitted_number_of_calls_in_half_open_state: 2,
            ..Settings::default()
        };
        let recorder = PrometheusBuilder::new().set_buckets(&[1.0]).unwrap().build_recorder();
        let metrics = recorder.handle();
        let breaker = metrics::with_local_recorder(&recorder, || CircuitBreaker::new("payment", settings));
        Self { breaker: breaker.unwrap(), metrics }
    }

    /// Returns the value of the breaker's series of `metric` with `label`, if there is one.
    fn value(&self, metric: &str, label: Option<(&str, &str)>) -> Option<f64> {
        let metric = format!("resilience4j_circuitbreaker_{metric}");
        let wanted: Vec<String> = [("name", "payment")]
            .into_iter()
            .chain(label)
            .map(|(label, value)| format!("{label}=\"{value}\""))
            .collect();
        self.metrics.render().lines().find_map(|line| {
            let (name, rest) = line.split_once('{')?;
            let (labels, value) = rest.split_once("} ")?;
            let labels: Vec<&str> = labels.split(',').collect();
            let is_wanted = name == metric && wanted.iter().all(|one| labels.contains(&one.as_str()));
            if is_wanted { value.parse().ok() } else { None }
        })
    }

    fn kind(&self, metric: &str, kind: &str) -> Option<f64> {
        self.value(metric, Some(("kind", kind)))
    }

    fn states(&self) -> [Option<f64>; 5] {
        STATES.map(|state| self.value("state", Some(("state", state))))
    }

    fn call(&self) -> Call {
        self.breaker.acquire().unwrap()
    }

    async fn end_after(&self, took: Duration, verdict: Verdict) {
        let call = self.call();
        advance(took).await;
        call.end(verdict);
    }

    async fn fails(&self, times: usize) {
        for _ in 0..times {
            self.end_after(Duration::ZERO, Verdict::Failure).await;
        }
    }
}

/// Returns the states' values when the one at `index` of [`STATES`] is entered.
fn only(index: usize) -> [Option<f64>; 5] {
    let mut values = [Some(0.0); 5];
    values[index] = Some(1.0);
    values
}

#[tokio::test(start_paused = true)]
async fn new_breaker_is_closed_and_has_no_rates() {
    let new = Metered::new();
    assert_eq!(new.states(), only(0));
    assert_eq!(new.value("failure_rate", None), Some(-1.0));
    assert_eq!(new.value("slow_call_rate", None), Some(-1.0));
    for kind in ["successful", "failed"] {
        assert_eq!(new.kind("buffered_calls", kind), Some(0.0), "{kind}");
        assert_eq!(new.kind("slow_calls", kind), Some(0.0), "{kind}");
    }
    assert_eq!(new.kind("not_permitted_calls_total", "not_permitted"), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn calls_are_timed_by_verdict() {
    let metered = Metered::new();
    metered.end_after(Duration::from_millis(250), Verdict::Success).await;
    metered.end_after(Duration::from_millis(500), Verdict::Success).await;
    metered.end_after(Duration::from_millis(2_000), Verdict::Failure).await;
    metered.end_after(Duration::from_millis(125), Verdict::Ignored).await;
    drop(metered.call());
    let timed = ["successful", "failed", "ignored"]
        .map(|kind| (metered.kind("calls_seconds_count", kind), metered.kind("calls_seconds_sum", kind)));
    assert_eq!(timed, [(Some(2.0), Some(0.75)), (Some(1.0), Some(2.0)), (Some(1.0), Some(0.125))]);
}

#[tokio::test(start_paused = true)]
async fn window_is_counted_by_result_and_slowness() {
    let metered = Metered::new();
    let (fast, slow) = (Duration::from_millis(1), Duration::from_millis(1_001));
    metered.end_after(fast, Verdict::Success).await;
    metered.end_after(slow, Verdict::Success).await;
    metered.end_after(slow, Verdict::Success).await;
    assert_eq!(metered.value("failure_rate", None), Some(-1.0));
    metered.end_after(slow, Verdict::Failure).await;
    let counts = |metric| ["successful", "failed"].map(|kind| metered.kind(metric, kind));
    assert_eq!(counts("buffered_calls"), [Some(3.0), Some(1.0)]);
    assert_eq!(counts("slow_calls"), [Some(2.0), Some(1.0)]);
    assert_eq!(metered.value("failure_rate", None), Some(25.0));
    assert_eq!(metered.value("slow_call_rate", None), Some(75.0));
}

#[tokio::test(start_paused = true)]
async fn every_transition_sets_the_state() {
    let metered = Metered::new();
    metered.fails(4).await;
    assert_eq!(metered.states(), only(1));
    advance(Duration::from_secs(5)).await;
    let probes = [metered.call(), metered.call()];
    assert_eq!(metered.states(), only(2));
    for probe in probes {
        probe.end(Verdict::Success);
    }
    assert_eq!(metered.states(), only(0));
}

#[tokio::test(start_paused = true)]
async fn rejected_calls_are_counted_and_not_timed() {
    let metered = Metered::new();
    metered.fails(4).await;
    for _ in 0..3 {
        assert!(metered.breaker.acquire().is_err());
    }
    assert_eq!(metered.kind("not_permitted_calls_total", "not_permitted"), Some(3.0));
    assert_eq!(metered.kind("calls_seconds_count", "failed"), Some(4.0));
}

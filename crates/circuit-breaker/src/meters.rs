//! The metrics, with Resilience4j's names, labeled with the breaker's `name`.
//!
//! Calls and transitions update them. Without calls, the metrics of a time-based window keep the values of
//! the last call.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use crate::Verdict;
use crate::machine::State;
use crate::window::Measured;

pub(crate) struct Meters {
    states: Vec<(State, Gauge)>,
    successful: Histogram,
    failed: Histogram,
    ignored: Histogram,
    not_permitted: Counter,
    buffered: [Gauge; 2],
    slow: [Gauge; 2],
    failure_rate: Gauge,
    slow_call_rate: Gauge,
}

/// States of Resilience4j that this breaker lacks. Dashboards made for it expect their series, which stay 0.
const STATES_NEVER_ENTERED: [&str; 2] = ["forced_open", "disabled"];

/// The value of a rate while there are too few calls.
const NO_RATE: (f64, f64) = (-1.0, -1.0);

impl Meters {
    pub(crate) fn new(name: &str) -> Self {
        let name = name.to_owned();
        let calls = |kind: &'static str| histogram!("resilience4j_circuitbreaker_calls_seconds", "name" => name.clone(), "kind" => kind);
        let kinds = |metric: &'static str| {
            ["successful", "failed"].map(|kind| gauge!(metric, "name" => name.clone(), "kind" => kind))
        };
        let state = |state: &'static str| gauge!("resilience4j_circuitbreaker_state", "name" => name.clone(), "state" => state);
        STATES_NEVER_ENTERED.iter().for_each(|never| state(never).set(0.0));
        Self {
            states: State::ALL.map(|one| (one, state(one.as_str()))).into(),
            successful: calls("successful"),
            failed: calls("failed"),
            ignored: calls("ignored"),
            not_permitted: counter!("resilience4j_circuitbreaker_not_permitted_calls_total",
                "name" => name.clone(), "kind" => "not_permitted"),
            buffered: kinds("resilience4j_circuitbreaker_buffered_calls"),
            slow: kinds("resilience4j_circuitbreaker_slow_calls"),
            failure_rate: gauge!("resilience4j_circuitbreaker_failure_rate", "name" => name.clone()),
            slow_call_rate: gauge!("resilience4j_circuitbreaker_slow_call_rate", "name" => name.clone()),
        }
    }

    pub(crate) fn ended(&self, verdict: Verdict, took: Duration) {
        let kind = match verdict {
            Verdict::Success => &self.successful,
            Verdict::Failure => &self.failed,
            Verdict::Ignored => &self.ignored,
        };
        kind.record(took);
    }

    pub(crate) fn refused(&self) {
        self.not_permitted.increment(1);
    }

    pub(crate) fn entered(&self, state: State) {
        for (one, gauge) in &self.states {
            gauge.set(if *one == state { 1.0 } else { 0.0 });
        }
    }

    pub(crate) fn measured(&self, measured: Measured, rates: Option<(f64, f64)>) {
        let Measured { calls, failed, slow, slow_and_failed } = measured;
        set(&self.buffered, calls - failed, failed);
        set(&self.slow, slow - slow_and_failed, slow_and_failed);
        let (failure_rate, slow_call_rate) = rates.unwrap_or(NO_RATE);
        self.failure_rate.set(failure_rate);
        self.slow_call_rate.set(slow_call_rate);
    }
}

fn set([successful, failed]: &[Gauge; 2], of_successful: u32, of_failed: u32) {
    successful.set(of_successful);
    failed.set(of_failed);
}

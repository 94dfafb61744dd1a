//! The states and transitions, one claim at a time.

use std::time::Duration;

use circuit_breaker::machine::{Machine, Permit};
use circuit_breaker::window::Outcome;
use circuit_breaker::{CircuitBreaker, InvalidSettings, Settings, SlidingWindowType, State};
use tokio::time::Instant;

const GOOD: Outcome = Outcome { failed: false, slow: false };
const FAILED: Outcome = Outcome { failed: true, slow: false };
const SLOW: Outcome = Outcome { failed: false, slow: true };

/// A machine that opens for five seconds if half of the last four calls fail. It has two probes.
fn settings() -> Settings {
    Settings {
        failure_rate_threshold: 50.0,
        slow_call_rate_threshold: 75.0,
        sliding_window_size: 4,
        minimum_number_of_calls: 4,
        wait_duration_in_open_state: Duration::from_secs(5),
        permitted_number_of_calls_in_half_open_state: 2,
        ..Settings::default()
    }
}

/// A machine and its time.
struct Driven {
    machine: Machine,
    now: Instant,
}

impl Driven {
    fn new(settings: Settings) -> Self {
        let now = Instant::now();
        Self { machine: Machine::new(settings, now), now }
    }

    /// Returns a machine that has opened at this moment.
    fn opened() -> Self {
        let mut driven = Self::new(settings());
        driven.calls(&[FAILED; 4]);
        assert_eq!(driven.machine.state(), State::Open);
        driven
    }

    /// Returns a half-open machine, and its first probe.
    fn half_open() -> (Self, Permit) {
        let mut driven = Self::opened();
        driven.wait(Duration::from_secs(5));
        let probe = driven.machine.acquire(driven.now).unwrap();
        assert_eq!(driven.machine.state(), State::HalfOpen);
        (driven, probe)
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    fn calls(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let permit = self.machine.acquire(self.now).unwrap();
            self.end(permit, *outcome);
        }
    }

    fn end(&mut self, permit: Permit, outcome: Outcome) {
        self.machine.record(self.now, permit, outcome);
    }

    fn retry_after(&mut self) -> Duration {
        self.machine.acquire(self.now).unwrap_err().retry_after
    }
}

#[test]
fn breaker_opens_when_the_threshold_is_reached() {
    let mut driven = Driven::new(settings());
    driven.calls(&[GOOD, GOOD, GOOD, FAILED]);
    assert_eq!(driven.machine.state(), State::Closed);
    driven.calls(&[FAILED]);
    assert_eq!(driven.machine.state(), State::Open);
    assert_eq!((driven.machine.caused_by().failed, driven.machine.caused_by().calls), (2, 4));
}

#[test]
fn breaker_stays_closed_until_there_are_enough_calls() {
    let mut driven = Driven::new(settings());
    driven.calls(&[FAILED; 3]);
    assert_eq!(driven.machine.state(), State::Closed);
    let measured = driven.machine.measured(driven.now);
    assert_eq!(driven.machine.rates(measured), None);
    driven.calls(&[GOOD]);
    assert_eq!(driven.machine.state(), State::Open);
}

#[test]
fn window_smaller_than_the_minimum_is_evaluated_when_it_is_full() {
    let mut driven = Driven::new(Settings { minimum_number_of_calls: 1_000, ..settings() });
    driven.calls(&[FAILED; 4]);
    assert_eq!(driven.machine.state(), State::Open);
}

#[test]
fn count_based_window_slides_by_one_call() {
    let mut driven = Driven::new(settings());
    driven.calls(&[GOOD; 1_000]);
    driven.calls(&[FAILED, GOOD, GOOD, GOOD, FAILED]);
    assert_eq!(driven.machine.state(), State::Closed);
    driven.calls(&[FAILED]);
    assert_eq!(driven.machine.state(), State::Open);
}

#[test]
fn time_based_window_drops_older_calls() {
    let time_based = Settings { sliding_window_type: SlidingWindowType::TimeBased, ..settings() };
    let mut driven = Driven::new(time_based);
    driven.calls(&[FAILED, FAILED, FAILED]);
    driven.wait(Duration::from_secs(4));
    assert_eq!(driven.machine.measured(driven.now).calls, 0);
    driven.calls(&[FAILED, GOOD, GOOD, GOOD]);
    assert_eq!(driven.machine.state(), State::Closed);
    driven.calls(&[FAILED, FAILED]);
    assert_eq!(driven.machine.state(), State::Open);
}

#[test]
fn slow_calls_open_the_breaker_even_if_none_fails() {
    let mut driven = Driven::new(settings());
    driven.calls(&[SLOW, SLOW, GOOD, GOOD]);
    assert_eq!(driven.machine.state(), State::Closed);
    driven.calls(&[SLOW, SLOW]);
    assert_eq!(driven.machine.state(), State::Closed);
    driven.calls(&[SLOW]);
    assert_eq!(driven.machine.state(), State::Open);
}

#[test]
fn open_breaker_reports_its_remaining_wait() {
    let mut driven = Driven::opened();
    assert_eq!(driven.retry_after(), Duration::from_secs(5));
    driven.wait(Duration::from_millis(4_999));
    assert_eq!(driven.retry_after(), Duration::from_millis(1));
    driven.wait(Duration::from_millis(1));
    assert!(driven.machine.acquire(driven.now).is_ok());
}

#[test]
fn half_open_breaker_permits_only_its_probes() {
    let (mut driven, _first) = Driven::half_open();
    let _second = driven.machine.acquire(driven.now).unwrap();
    assert_eq!(driven.retry_after(), Duration::ZERO);
    driven.wait(Duration::from_secs(3_600));
    assert_eq!(driven.retry_after(), Duration::ZERO);
}

#[test]
fn successful_probes_close_the_breaker_with_an_empty_window() {
    let (mut driven, first) = Driven::half_open();
    let second = driven.machine.acquire(driven.now).unwrap();
    driven.end(first, GOOD);
    assert_eq!(driven.machine.state(), State::HalfOpen);
    driven.end(second, GOOD);
    assert_eq!(driven.machine.state(), State::Closed);
    assert_eq!(driven.machine.measured(driven.now).calls, 0);
}

#[test]
fn failed_probes_reopen_the_breaker_for_the_whole_wait() {
    let (mut driven, first) = Driven::half_open();
    let second = driven.machine.acquire(driven.now).unwrap();
    driven.end(first, GOOD);
    driven.end(second, FAILED);
    assert_eq!(driven.machine.state(), State::Open);
    assert_eq!(driven.retry_after(), Duration::from_secs(5));
}

#[test]
fn dropped_probe_is_returned() {
    let (mut driven, first) = Driven::half_open();
    let second = driven.machine.acquire(driven.now).unwrap();
    driven.machine.release(first);
    let third = driven.machine.acquire(driven.now).unwrap();
    assert_eq!(driven.retry_after(), Duration::ZERO);
    driven.end(second, GOOD);
    driven.end(third, GOOD);
    assert_eq!(driven.machine.state(), State::Closed);
}

#[test]
fn result_of_an_earlier_generation_does_not_count() {
    let mut driven = Driven::new(settings());
    let early: Vec<_> = (0..4).map(|_| driven.machine.acquire(driven.now).unwrap()).collect();
    driven.calls(&[FAILED; 4]);
    driven.wait(Duration::from_secs(5));
    let probe = driven.machine.acquire(driven.now).unwrap();
    for permit in early {
        driven.end(permit, GOOD);
    }
    assert_eq!(driven.machine.state(), State::HalfOpen);
    assert_eq!(driven.machine.measured(driven.now).calls, 0);
    driven.end(probe, GOOD);
    assert_eq!(driven.machine.measured(driven.now).calls, 1);
}

#[test]
fn dropped_call_of_an_earlier_generation_returns_no_probe() {
    let mut driven = Driven::new(settings());
    let early = driven.machine.acquire(driven.now).unwrap();
    driven.calls(&[FAILED; 4]);
    driven.wait(Duration::from_secs(5));
    let _first = driven.machine.acquire(driven.now).unwrap();
    driven.machine.release(early);
    let _second = driven.machine.acquire(driven.now).unwrap();
    assert_eq!(driven.retry_after(), Duration::ZERO);
}

#[test]
fn setting_out_of_range_is_named() {
    let error_of = |settings| CircuitBreaker::new("any", settings).unwrap_err();
    for rate in [0.0, -1.0, 100.5, f64::NAN] {
        assert_eq!(
            error_of(Settings { failure_rate_threshold: rate, ..settings() }),
            InvalidSettings::Rate("failure_rate_threshold")
        );
    }
    assert_eq!(
        error_of(Settings { sliding_window_size: 0, ..settings() }),
        InvalidSettings::Zero("sliding_window_size")
    );
}

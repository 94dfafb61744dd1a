//! The breaker as a pure state machine, without a clock or a lock. The caller passes the time.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::settings::{Settings, SlidingWindowType};
use crate::window::{Measured, Outcome, Window};

/// The state of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Calls go through, and their outcomes are recorded.
    Closed,
    /// Every call is rejected.
    Open,
    /// A limited number of calls go through as probes.
    HalfOpen,
}

impl State {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// Returns the state as Resilience4j's metrics spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The breaker rejected a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker is {state} and permits no call")]
pub struct CallNotPermitted {
    pub state: State,
    /// How long until the breaker may permit a call: the rest of its open time, or zero if it is half-open
    /// and all its probes are in flight.
    pub retry_after: Duration,
}

/// The permission for one call. It ends with [`Machine::record`] or [`Machine::release`].
#[derive(Debug)]
#[must_use]
pub struct Permit {
    generation: u64,
}

/// The state machine of a breaker.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    phase: Phase,
    /// The number of transitions.
    generation: u64,
    caused_by: Measured,
}

#[derive(Debug)]
enum Phase {
    Closed(Window),
    Open { until: Instant },
    HalfOpen { probes: Window, left: u32 },
}

impl Machine {
    /// Creates a closed machine.
    pub fn new(settings: Settings, now: Instant) -> Self {
        let phase = Phase::Closed(Window::new(&settings, now));
        Self { settings, phase, generation: 0, caused_by: Measured::default() }
    }

    pub fn state(&self) -> State {
        match self.phase {
            Phase::Closed(_) => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// Returns the contents of the state's window. An open breaker has none.
    pub fn measured(&mut self, now: Instant) -> Measured {
        match &mut self.phase {
            Phase::Closed(window) | Phase::HalfOpen { probes: window, .. } => window.measured(now),
            Phase::Open { .. } => Measured::default(),
        }
    }

    /// Permits one call. The first call after the open time turns the breaker half-open.
    ///
    /// # Errors
    ///
    /// If the breaker is open, or half-open with all its probes in flight.
    pub fn acquire(&mut self, now: Instant) -> Result<Permit, CallNotPermitted> {
        if matches!(self.phase, Phase::Open { until } if until <= now) {
            self.half_open();
        }
        let state = self.state();
        let refused = |retry_after| Err(CallNotPermitted { state, retry_after });
        match &mut self.phase {
            Phase::Open { until } => return refused(until.duration_since(now)),
            Phase::HalfOpen { left: 0, .. } => return refused(Duration::ZERO),
            Phase::HalfOpen { left, .. } => *left -= 1,
            Phase::Closed(_) => {}
        }
        Ok(Permit { generation: self.generation })
    }

    /// Records the outcome of a call, unless it was permitted in an earlier generation. If the window
    /// contains enough calls, this may change the state.
    pub fn record(&mut self, now: Instant, permit: Permit, outcome: Outcome) {
        if permit.generation != self.generation {
            return;
        }
        match &mut self.phase {
            Phase::Closed(window) => {
                let measured = window.record(now, outcome);
                if measured.calls >= self.minimum() && self.exceeds_threshold(measured) {
                    self.open(now);
                }
            }
            Phase::HalfOpen { probes, .. } => {
                let measured = probes.record(now, outcome);
                if measured.calls < self.settings.permitted_number_of_calls_in_half_open_state {
                    return;
                }
                if self.exceeds_threshold(measured) {
                    self.open(now);
                } else {
                    self.close(now);
                }
            }
            Phase::Open { .. } => {}
        }
    }

    /// Releases a permit without an outcome. A probe may then be made in its place.
    pub fn release(&mut self, permit: Permit) {
        if let Phase::HalfOpen { left, .. } = &mut self.phase
            && permit.generation == self.generation
        {
            *left += 1;
        }
    }

    /// Returns the failure rate and the slow-call rate, or `None` while there are too few calls.
    pub fn rates(&self, measured: Measured) -> Option<(f64, f64)> {
        (measured.calls >= self.minimum()).then(|| (measured.failure_rate(), measured.slow_call_rate()))
    }

    /// Returns the number of transitions so far.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns what the previous state's window contained at the last transition.
    pub fn caused_by(&self) -> Measured {
        self.caused_by
    }

    fn close(&mut self, now: Instant) {
        self.enter(Phase::Closed(Window::new(&self.settings, now)));
    }

    fn open(&mut self, now: Instant) {
        self.enter(Phase::Open { until: now + self.settings.wait_duration_in_open_state });
    }

    fn half_open(&mut self) {
        let left = self.settings.permitted_number_of_calls_in_half_open_state;
        self.enter(Phase::HalfOpen { probes: Window::of_calls(left), left });
    }

    fn enter(&mut self, phase: Phase) {
        self.caused_by = match &self.phase {
            Phase::Closed(window) | Phase::HalfOpen { probes: window, .. } => window.total(),
            Phase::Open { .. } => Measured::default(),
        };
        self.phase = phase;
        self.generation += 1;
    }

    fn exceeds_threshold(&self, measured: Measured) -> bool {
        measured.failure_rate() >= self.settings.failure_rate_threshold
            || measured.slow_call_rate() >= self.settings.slow_call_rate_threshold
    }

    /// Returns the number of calls needed to evaluate the window.
    fn minimum(&self) -> u32 {
        let Settings { minimum_number_of_calls, sliding_window_size, .. } = self.settings;
        match (&self.phase, self.settings.sliding_window_type) {
            (Phase::HalfOpen { .. }, _) => self.settings.permitted_number_of_calls_in_half_open_state,
            (_, SlidingWindowType::CountBased) => minimum_number_of_calls.min(sliding_window_size),
            (_, SlidingWindowType::TimeBased) => minimum_number_of_calls,
        }
    }
}

//! One machine, shared by all callers, with a clock, metrics and an observer.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::Verdict;
use crate::machine::{CallNotPermitted, Machine, Permit, State};
use crate::meters::Meters;
use crate::settings::{InvalidSettings, Settings};
use crate::window::{Measured, Outcome};

/// A circuit breaker. Clones share one state.
#[derive(Clone)]
pub struct CircuitBreaker {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    settings: Settings,
    machine: Mutex<Machine>,
    meters: Meters,
    observer: Box<dyn Fn(&Transition) + Send + Sync>,
}

/// A change of a breaker's state.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    pub from: State,
    pub to: State,
    /// The contents of the window that caused it.
    pub measured: Measured,
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { name, machine, .. } = &*self.shared;
        f.debug_struct("CircuitBreaker").field("name", name).field("machine", machine).finish_non_exhaustive()
    }
}

impl CircuitBreaker {
    /// Creates a closed breaker. Its metrics are labeled with `name`; their recorder must be installed
    /// before.
    ///
    /// # Errors
    ///
    /// If a setting is out of range.
    pub fn new(name: impl Into<String>, settings: Settings) -> Result<Self, InvalidSettings> {
        Self::observed(name, settings, |_| {})
    }

    /// Creates a closed breaker that calls `observer` at every transition, in order. The breaker is locked
    /// meanwhile, so the observer must return quickly, and must not use the breaker.
    ///
    /// # Errors
    ///
    /// If a setting is out of range.
    pub fn observed(
        name: impl Into<String>,
        settings: Settings,
        observer: impl Fn(&Transition) + Send + Sync + 'static,
    ) -> Result<Self, InvalidSettings> {
        settings.check()?;
        let name = name.into();
        let meters = Meters::new(&name);
        meters.entered(State::Closed);
        meters.measured(Measured::default(), None);
        let machine = Mutex::new(Machine::new(settings.clone(), Instant::now()));
        let observer = Box::new(observer);
        Ok(Self { shared: Arc::new(Shared { name, settings, machine, meters, observer }) })
    }

    pub fn name(&self) -> &str {
        &self.shared.name
    }

    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Returns the state. An open breaker whose wait is over stays open until the next call.
    pub fn state(&self) -> State {
        self.with(|machine, _| machine.state())
    }

    /// Returns the contents of the window.
    pub fn measured(&self) -> Measured {
        self.with(Machine::measured)
    }

    /// Permits one call.
    ///
    /// # Errors
    ///
    /// If the breaker is open, or half-open with all its probes in flight.
    pub fn acquire(&self) -> Result<Call, CallNotPermitted> {
        match self.with(Machine::acquire) {
            Ok(permit) => Ok(Call { breaker: self.clone(), permit: Some(permit), started: Instant::now() }),
            Err(refused) => {
                self.shared.meters.refused();
                Err(refused)
            }
        }
    }

    /// Runs `act` on the machine, and reports the transition that it caused, if any.
    fn with<T>(&self, act: impl FnOnce(&mut Machine, Instant) -> T) -> T {
        let Shared { machine, meters, observer, .. } = &*self.shared;
        // A poisoned lock is harmless: a panic cannot leave the machine in an invalid state.
        let mut machine = machine.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (from, generation) = (machine.state(), machine.generation());
        let done = act(&mut machine, now);
        if machine.generation() != generation {
            let to = machine.state();
            meters.entered(to);
            observer(&Transition { from, to, measured: machine.caused_by() });
        }
        done
    }

    fn record(&self, permit: Permit, verdict: Verdict, took: Duration) {
        let slow = took > self.shared.settings.slow_call_duration_threshold;
        self.with(|machine, now| {
            match verdict {
                Verdict::Success => machine.record(now, permit, Outcome { failed: false, slow }),
                Verdict::Failure => machine.record(now, permit, Outcome { failed: true, slow }),
                Verdict::Ignored => machine.release(permit),
            }
            let measured = machine.measured(now);
            self.shared.meters.measured(measured, machine.rates(measured));
        });
        self.shared.meters.ended(verdict, took);
    }
}

/// A permitted call. If it is dropped before its end, it is not counted.
#[derive(Debug)]
#[must_use]
pub struct Call {
    breaker: CircuitBreaker,
    /// `None` once the call has ended.
    permit: Option<Permit>,
    started: Instant,
}

impl Call {
    /// Ends the call and records its verdict.
    pub fn end(mut self, verdict: Verdict) {
        if let Some(permit) = self.permit.take() {
            self.breaker.record(permit, verdict, self.started.elapsed());
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.breaker.with(|machine, _| machine.release(permit));
        }
    }
}

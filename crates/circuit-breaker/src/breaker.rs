//! One machine shared by all callers, with its clock, its metrics and its observer.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::Verdict;
use crate::machine::{CallNotPermitted, Machine, Permit, State};
use crate::meters::Meters;
use crate::settings::{InvalidSettings, Settings};
use crate::window::{Measured, Outcome};

/// A circuit breaker. Its clones are the same one.
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

/// A breaker has gone from one state to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    pub from: State,
    pub to: State,
    /// What the window had that led to it.
    pub measured: Measured,
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { name, machine, .. } = &*self.shared;
        f.debug_struct("CircuitBreaker").field("name", name).field("machine", machine).finish_non_exhaustive()
    }
}

impl CircuitBreaker {
    /// A closed one. Its metrics carry its `name`; the recorder for them must be there already.
    ///
    /// # Errors
    ///
    /// When the settings make no sense.
    pub fn new(name: impl Into<String>, settings: Settings) -> Result<Self, InvalidSettings> {
        Self::observed(name, settings, |_| {})
    }

    /// A closed one whose transitions are told to `observer`, in their order. The breaker is locked meanwhile: an observer is
    /// quick, and does not ask the breaker for what the transition tells.
    ///
    /// # Errors
    ///
    /// When the settings make no sense.
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

    /// Where it stands. An open one whose time is over stays open until somebody calls.
    pub fn state(&self) -> State {
        self.with(|machine, _| machine.state())
    }

    /// What its window has.
    pub fn measured(&self) -> Measured {
        self.with(Machine::measured)
    }

    /// Asks for one call.
    ///
    /// # Errors
    ///
    /// When it must not be made.
    pub fn acquire(&self) -> Result<Call, CallNotPermitted> {
        match self.with(Machine::acquire) {
            Ok(permit) => Ok(Call { breaker: self.clone(), permit: Some(permit), started: Instant::now() }),
            Err(refused) => {
                self.shared.meters.refused();
                Err(refused)
            }
        }
    }

    /// Does something to the machine, and tells of the transition it led to.
    fn with<T>(&self, act: impl FnOnce(&mut Machine, Instant) -> T) -> T {
        let Shared { machine, meters, observer, .. } = &*self.shared;
        // A panic elsewhere leaves nothing half done in here.
        let mut machine = machine.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let (from, generation) = (machine.state(), machine.generation());
        let done = act(&mut machine, now);
        if machine.generation() != generation {
            let to = machine.state();
            meters.entered(to);
            observer(&Transition { from, to, measured: machine.led_by() });
        }
        done
    }

    fn ended(&self, permit: Permit, verdict: Verdict, took: Duration) {
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

/// A call that was permitted. Dropped before its end, it counts as never made.
#[derive(Debug)]
#[must_use]
pub struct Call {
    breaker: CircuitBreaker,
    /// There until the call has ended.
    permit: Option<Permit>,
    started: Instant,
}

impl Call {
    /// The call has ended.
    pub fn end(mut self, verdict: Verdict) {
        if let Some(permit) = self.permit.take() {
            self.breaker.ended(permit, verdict, self.started.elapsed());
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

//! Compares the machine with a model that remembers all calls and counts them anew each time.

use std::time::Duration;

use circuit_breaker::machine::{Machine, Permit};
use circuit_breaker::window::Outcome;
use circuit_breaker::{Settings, SlidingWindowType, State};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio::time::Instant;

/// An input of the machine.
#[derive(Clone, Copy, Debug)]
enum Step {
    Acquire,
    /// One of the calls in flight ends.
    End {
        which: usize,
        outcome: Outcome,
    },
    Drop {
        which: usize,
    },
    Wait {
        ms: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = (any::<bool>(), any::<bool>()).prop_map(|(failed, slow)| Outcome { failed, slow });
    prop_oneof![
        10 => Just(Step::Acquire),
        10 => (any::<usize>(), outcome).prop_map(|(which, outcome)| Step::End { which, outcome }),
        2 => any::<usize>().prop_map(|which| Step::Drop { which }),
        4 => (0..2_500_u64).prop_map(|ms| Step::Wait { ms }),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let rate = || prop_oneof![Just(100.0), 1.0..=100.0_f64];
    let window_type = prop_oneof![Just(SlidingWindowType::CountBased), Just(SlidingWindowType::TimeBased)];
    (rate(), rate(), window_type, 1..6_u32, 1..6_u32, 0..4_000_u64, 1..4_u32).prop_map(
        |(failure_rate, slow_rate, window_type, size, minimum, wait_ms, probes)| Settings {
            failure_rate_threshold: failure_rate,
            slow_call_rate_threshold: slow_rate,
            sliding_window_type: window_type,
            sliding_window_size: size,
            minimum_number_of_calls: minimum,
            wait_duration_in_open_state: Duration::from_millis(wait_ms),
            permitted_number_of_calls_in_half_open_state: probes,
            ..Settings::default()
        },
    )
}

/// The whole history of the current state.
struct Model {
    settings: Settings,
    state: State,
    entered_ms: u64,
    generation: u64,
    ended: Vec<(u64, Outcome)>,
    in_flight: u32,
}

impl Model {
    fn enter(&mut self, state: State, now_ms: u64) {
        self.state = state;
        self.entered_ms = now_ms;
        self.generation += 1;
        self.ended.clear();
        self.in_flight = 0;
    }

    fn acquire(&mut self, now_ms: u64) -> Result<u64, u64> {
        let wait_ms = u64::try_from(self.settings.wait_duration_in_open_state.as_millis()).unwrap();
        if self.state == State::Open && now_ms >= self.entered_ms + wait_ms {
            self.enter(State::HalfOpen, now_ms);
        }
        let ended = u32::try_from(self.ended.len()).unwrap();
        match self.state {
            State::Open => return Err(self.entered_ms + wait_ms - now_ms),
            State::HalfOpen
                if self.in_flight + ended == self.settings.permitted_number_of_calls_in_half_open_state =>
            {
                return Err(0);
            }
            State::HalfOpen | State::Closed => self.in_flight += 1,
        }
        Ok(self.generation)
    }

    fn end(&mut self, now_ms: u64, generation: u64, outcome: Option<Outcome>) {
        if generation != self.generation {
            return;
        }
        self.in_flight -= 1;
        let Some(outcome) = outcome else { return };
        self.ended.push((now_ms, outcome));
        let window = self.window(now_ms);
        let calls = u32::try_from(window.len()).unwrap();
        let Settings { minimum_number_of_calls: minimum, sliding_window_size: size, .. } = self.settings;
        let enough = match (self.state, self.settings.sliding_window_type) {
            (State::HalfOpen, _) => self.settings.permitted_number_of_calls_in_half_open_state,
            (_, SlidingWindowType::CountBased) => minimum.min(size),
            (_, SlidingWindowType::TimeBased) => minimum,
        };
        if calls < enough {
            return;
        }
        let share = |of: fn(&Outcome) -> bool| {
            let part = u32::try_from(window.iter().filter(|one| of(one)).count()).unwrap();
            f64::from(part) * 100.0 / f64::from(calls)
        };
        let exceeds_threshold = share(|one| one.failed) >= self.settings.failure_rate_threshold
            || share(|one| one.slow) >= self.settings.slow_call_rate_threshold;
        if exceeds_threshold {
            self.enter(State::Open, now_ms);
        } else if self.state == State::HalfOpen {
            self.enter(State::Closed, now_ms);
        }
    }

    /// Returns the calls in the window at `now_ms`.
    fn window(&self, now_ms: u64) -> Vec<Outcome> {
        let size = self.settings.sliding_window_size;
        let second = |ms: u64| (ms - self.entered_ms) / 1_000;
        match (self.state, self.settings.sliding_window_type) {
            (State::Closed, SlidingWindowType::TimeBased) => self
                .ended
                .iter()
                .filter(|(at, _)| second(*at) + u64::from(size) > second(now_ms))
                .map(|(_, outcome)| *outcome)
                .collect(),
            (State::Closed, SlidingWindowType::CountBased) => {
                self.ended.iter().rev().take(size as usize).map(|(_, outcome)| *outcome).collect()
            }
            _ => self.ended.iter().map(|(_, outcome)| *outcome).collect(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn machine_behaves_like_the_model(settings in settings(), steps in vec(step(), 0..200)) {
        let start = Instant::now();
        let mut now_ms = 0;
        let mut machine = Machine::new(settings.clone(), start);
        let mut model = Model {
            settings, state: State::Closed, entered_ms: 0, generation: 0, ended: Vec::new(), in_flight: 0,
        };
        let mut calls: Vec<(Permit, u64)> = Vec::new();
        for step in steps {
            let now = start + Duration::from_millis(now_ms);
            match step {
                Step::Acquire => match (machine.acquire(now), model.acquire(now_ms)) {
                    (Ok(permit), Ok(generation)) => calls.push((permit, generation)),
                    (Err(refused), Err(left)) => {
                        prop_assert_eq!(refused.retry_after, Duration::from_millis(left));
                    }
                    (machine, model) => prop_assert!(false, "{:?} is not {:?}", machine, model),
                },
                Step::End { which, outcome } if !calls.is_empty() => {
                    let (permit, generation) = calls.swap_remove(which % calls.len());
                    machine.record(now, permit, outcome);
                    model.end(now_ms, generation, Some(outcome));
                }
                Step::Drop { which } if !calls.is_empty() => {
                    let (permit, generation) = calls.swap_remove(which % calls.len());
                    machine.release(permit);
                    model.end(now_ms, generation, None);
                }
                Step::End { .. } | Step::Drop { .. } => {}
                Step::Wait { ms } => now_ms += ms,
            }
            let now = start + Duration::from_millis(now_ms);
            prop_assert_eq!(machine.state(), model.state);
            prop_assert_eq!(machine.generation(), model.generation);
            let window = model.window(now_ms);
            let measured = machine.measured(now);
            prop_assert_eq!(measured.calls as usize, window.len());
            prop_assert_eq!(measured.failed as usize, window.iter().filter(|one| one.failed).count());
            prop_assert_eq!(measured.slow as usize, window.iter().filter(|one| one.slow).count());
            let both = window.iter().filter(|one| one.slow && one.failed).count();
            prop_assert_eq!(measured.slow_and_failed as usize, both);
        }
    }
}

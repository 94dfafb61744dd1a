//! The sliding window: counts over the last *n* calls, or over the calls of the last *n* seconds.

use std::collections::VecDeque;
use std::ops::{AddAssign, SubAssign};

use tokio::time::Instant;

use crate::settings::{Settings, SlidingWindowType};

/// How one call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub failed: bool,
    pub slow: bool,
}

/// The number of calls in a window, and how many of them failed or were slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    pub calls: u32,
    pub failed: u32,
    pub slow: u32,
    /// Calls that are counted in both `slow` and `failed`.
    pub slow_and_failed: u32,
}

impl Measured {
    /// Returns the share of failed calls, in percent.
    pub fn failure_rate(&self) -> f64 {
        percent(self.failed, self.calls)
    }

    /// Returns the share of slow calls, in percent.
    pub fn slow_call_rate(&self) -> f64 {
        percent(self.slow, self.calls)
    }
}

fn percent(part: u32, whole: u32) -> f64 {
    f64::from(part) * 100.0 / f64::from(whole.max(1))
}

impl From<Outcome> for Measured {
    fn from(Outcome { failed, slow }: Outcome) -> Self {
        Self { calls: 1, failed: failed.into(), slow: slow.into(), slow_and_failed: (slow && failed).into() }
    }
}

impl AddAssign for Measured {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.slow += other.slow;
        self.slow_and_failed += other.slow_and_failed;
    }
}

impl SubAssign for Measured {
    fn sub_assign(&mut self, other: Self) {
        self.calls -= other.calls;
        self.failed -= other.failed;
        self.slow -= other.slow;
        self.slow_and_failed -= other.slow_and_failed;
    }
}

/// A sliding window. Its size bounds its memory, and the cost of a call does not depend on it.
#[derive(Debug)]
pub struct Window {
    kind: Kind,
    total: Measured,
}

#[derive(Debug)]
enum Kind {
    Calls {
        size: usize,
        last: VecDeque<Outcome>,
    },
    /// One sum per second, oldest first, with the number of the second since `since`.
    Seconds {
        size: u64,
        since: Instant,
        sums: VecDeque<(u64, Measured)>,
    },
}

impl Window {
    /// Creates an empty window that begins now.
    pub fn new(settings: &Settings, now: Instant) -> Self {
        match settings.sliding_window_type {
            SlidingWindowType::CountBased => Self::of_calls(settings.sliding_window_size),
            SlidingWindowType::TimeBased => {
                let size = settings.sliding_window_size.into();
                let kind = Kind::Seconds { size, since: now, sums: VecDeque::new() };
                Self { kind, total: Measured::default() }
            }
        }
    }

    /// Creates an empty window over the last `size` calls.
    pub fn of_calls(size: u32) -> Self {
        let kind = Kind::Calls { size: size as usize, last: VecDeque::new() };
        Self { kind, total: Measured::default() }
    }

    /// Records a call, and returns the window's contents after it.
    pub fn record(&mut self, now: Instant, outcome: Outcome) -> Measured {
        self.slide(now);
        let one = Measured::from(outcome);
        self.total += one;
        match &mut self.kind {
            Kind::Calls { size, last } => {
                last.push_back(outcome);
                if last.len() > *size
                    && let Some(oldest) = last.pop_front()
                {
                    self.total -= oldest.into();
                }
            }
            Kind::Seconds { since, sums, .. } => {
                let second = now.duration_since(*since).as_secs();
                match sums.back_mut() {
                    Some((last, sum)) if *last >= second => *sum += one,
                    _ => sums.push_back((second, one)),
                }
            }
        }
        self.total
    }

    /// Returns the contents at `now`.
    pub fn measured(&mut self, now: Instant) -> Measured {
        self.slide(now);
        self.total
    }

    /// Returns the contents at the last update.
    pub fn total(&self) -> Measured {
        self.total
    }

    /// Removes the seconds that have left the window.
    fn slide(&mut self, now: Instant) {
        let Kind::Seconds { size, since, sums } = &mut self.kind else { return };
        let second = now.duration_since(*since).as_secs();
        while let Some((oldest, sum)) = sums.front()
            && oldest + *size <= second
        {
            self.total -= *sum;
            sums.pop_front();
        }
    }
}

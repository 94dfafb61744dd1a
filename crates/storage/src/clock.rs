//! The clock of a database: the system's, or one that tests move.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// The source of the times that a service stores, and of those that it compares with stored ones.
///
/// A database is opened with the system clock. Its time can be moved only if the program gives it a
/// [`movable`](Self::movable) clock, which only tests do.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Microseconds by which this clock is ahead of the system's. `None` for the system clock itself.
    ahead_us: Option<Arc<AtomicU64>>,
}

impl Clock {
    /// The system clock.
    pub const fn system() -> Self {
        Self { ahead_us: None }
    }

    /// A clock for tests. It shows the system's time until a test [advances](Self::advance) it, which
    /// advances its clones too.
    pub fn movable() -> Self {
        Self { ahead_us: Some(Arc::default()) }
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        match &self.ahead_us {
            None => Timestamp::now(),
            Some(ahead) => Timestamp::now() + Duration::from_micros(ahead.load(Ordering::Relaxed)),
        }
    }

    /// Moves a clock for tests forward; time goes on from there.
    ///
    /// # Panics
    ///
    /// When this is the system clock.
    pub fn advance(&self, by: Duration) {
        let Some(ahead) = &self.ahead_us else { panic!("the system clock cannot be moved") };
        ahead.fetch_add(by.as_micros() as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn clones_of_a_movable_clock_advance_together() {
        let clock = Clock::movable();
        let clone = clock.clone();
        let before = Timestamp::now();
        assert!(clone.now() < before + DAY, "it shows the system's time at first");
        clock.advance(DAY);
        clock.advance(DAY);
        assert!(clone.now() >= before + 2 * DAY);
        assert!(clone.now() < before + 3 * DAY);
    }

    #[test]
    #[should_panic = "the system clock cannot be moved"]
    fn system_clock_cannot_be_moved() {
        Clock::system().advance(DAY);
    }
}

//! When a story counts as settled.

use std::time::Duration;

use jiff::Timestamp;

use crate::story::Story;

/// A refund may take this many settling times, because it waits while the payment provider is unreachable.
const REFUND_SETTLES: u32 = 10;

/// The time of the audit, and the settling time: a booking that changed within the settling time is in
/// flight.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    pub now: Timestamp,
    pub settle: Duration,
}

impl Clock {
    pub fn new(settle: Duration) -> Self {
        Self { now: Timestamp::now(), settle }
    }

    /// Whether the story changed so recently that the services may not agree yet.
    pub fn is_in_flight(self, story: &Story) -> bool {
        story.last_change().is_some_and(|latest| latest > self.before())
    }

    /// Whether something that was due at `microsecond` is late by more than the settling time.
    pub(crate) fn is_overdue(self, microsecond: i64) -> bool {
        microsecond < self.before().as_microsecond()
    }

    /// Whether a refund that began at `microsecond` has been under way for too long.
    pub(crate) fn is_refund_overdue(self, microsecond: i64) -> bool {
        let limit = self.settle.saturating_mul(REFUND_SETTLES);
        microsecond < self.now.checked_sub(limit).unwrap_or(Timestamp::MIN).as_microsecond()
    }

    fn before(self) -> Timestamp {
        self.now.checked_sub(self.settle).unwrap_or(Timestamp::MIN)
    }
}

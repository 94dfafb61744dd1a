//! How long a booking waits for its payment, and when payment is asked what became of an attempt.

use std::time::Duration;

use jiff::Timestamp;

/// Pause before payment is asked what became of an attempt without an answer; doubled up to the longest one.
const FIRST_LOOK: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(64);
/// How long a hold that is over waits for what payment says about it: longer than a call takes.
pub(super) const LOOK_TAKES: Duration = Duration::from_secs(5);

/// How a booking waits for its payment. It has no meaning once the booking is no longer pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its places are released after this, once no attempt to pay is running.
    pub until: Timestamp,
    /// The attempt to pay that runs now is over by then, however it ends.
    pub paying_until: Option<Timestamp>,
    /// When to ask payment for the outcome.
    pub look_at: Option<Timestamp>,
    /// How often that was done.
    pub looks: i64,
    /// Attempts to pay that were begun.
    pub attempts: i64,
    /// It is paid without its customer as soon as that is possible.
    pub pay_later: bool,
    /// An attempt ended, or broke off, without a decision: the money may have been taken, whatever later attempts met.
    pub in_doubt: bool,
    /// `Held` was published: the others know of the booking.
    pub is_published: bool,
}

impl Hold {
    /// The hold of a booking whose first attempt to pay begins `now`: it is held for `length`, and the attempt takes no longer
    /// than `attempt`.
    pub fn begin(now: Timestamp, length: Duration, attempt: Duration, pay_later: bool) -> Self {
        let over = now + attempt;
        // Should this process die, another one looks after it.
        let look_at = Some(over);
        Self {
            until: now + length,
            paying_until: Some(over),
            look_at,
            looks: 0,
            attempts: 1,
            pay_later,
            in_doubt: false,
            is_published: false,
        }
    }

    /// The same hold, which ends when the screening begins at the latest.
    #[must_use]
    pub fn until_the_start(self, starts_at: Option<Timestamp>) -> Self {
        Self { until: starts_at.map_or(self.until, |start| start.min(self.until)), ..self }
    }

    pub fn is_paying(&self, now: Timestamp) -> bool {
        self.paying_until.is_some_and(|until| until > now)
    }

    /// The next look is after a pause that doubles; before the hold ends, there is one more.
    pub(super) fn next_look(&self, now: Timestamp) -> Timestamp {
        let doublings = u32::try_from(self.looks.clamp(0, 5)).unwrap_or_default();
        let next = now + (FIRST_LOOK * 2_u32.pow(doublings)).min(LONGEST_PAUSE);
        if now < self.until { next.min(self.until) } else { next }
    }

    /// The attempt that ran is over. One that did not end by itself, as its process died, may have been paid.
    pub(super) fn end_attempt(&mut self, may_be_paid: bool) {
        self.in_doubt |= may_be_paid;
        self.paying_until = None;
    }
}

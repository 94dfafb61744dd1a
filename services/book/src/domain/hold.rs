//! How long a booking waits for its payment, and when the reconciler inquires about an attempt to pay.

use std::time::Duration;

use jiff::Timestamp;

/// Pause before the first inquiry; each further pause is twice as long, up to the longest one.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(64);
/// How long a hold that has ended stays while payment is asked about it: longer than a call takes.
pub(super) const INQUIRY_TIME: Duration = Duration::from_secs(5);

/// How a booking waits for its payment. It has no meaning once the booking is no longer pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// After this its places are released, unless an attempt to pay is running.
    pub until: Timestamp,
    /// When the running attempt to pay counts as interrupted.
    pub paying_until: Option<Timestamp>,
    /// When the next inquiry is due.
    pub inquire_at: Option<Timestamp>,
    /// Number of inquiries so far.
    pub inquiries: i64,
    /// Number of attempts to pay so far, the running one included.
    pub attempts: i64,
    /// Pay without the customer as soon as payment works again.
    pub pay_later: bool,
    /// An attempt ended without a decision, or was interrupted: the customer may have been charged, whatever
    /// later attempts returned.
    pub in_doubt: bool,
    /// `Held` was published.
    pub is_published: bool,
}

impl Hold {
    /// The hold of a booking whose first attempt to pay begins `now`. The booking is held for `length`, and
    /// the attempt takes no longer than `attempt`.
    pub fn begin(now: Timestamp, length: Duration, attempt: Duration, pay_later: bool) -> Self {
        let attempt_ends = now + attempt;
        Self {
            until: now + length,
            paying_until: Some(attempt_ends),
            // If this process dies, the reconciler of another one inquires.
            inquire_at: Some(attempt_ends),
            inquiries: 0,
            attempts: 1,
            pay_later,
            in_doubt: false,
            is_published: false,
        }
    }

    /// The same hold, which ends when the screening starts, at the latest.
    #[must_use]
    pub fn until_the_start(self, starts_at: Option<Timestamp>) -> Self {
        Self { until: starts_at.map_or(self.until, |start| start.min(self.until)), ..self }
    }

    pub fn is_paying(&self, now: Timestamp) -> bool {
        self.paying_until.is_some_and(|until| until > now)
    }

    /// When the next inquiry is due: after a pause that doubles each time, and once more when the hold ends.
    pub(super) fn next_inquiry(&self, now: Timestamp) -> Timestamp {
        let doublings = u32::try_from(self.inquiries.clamp(0, 5)).unwrap_or_default();
        let next = now + (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE);
        if now < self.until { next.min(self.until) } else { next }
    }

    /// Ends the running attempt. An interrupted one, whose process died, may have been paid.
    pub(super) fn end_attempt(&mut self, may_be_paid: bool) {
        self.in_doubt |= may_be_paid;
        self.paying_until = None;
    }
}

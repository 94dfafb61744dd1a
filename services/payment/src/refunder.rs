//! Has the provider cancel what has to be canceled, and records that it has done so.
//!
//! The doors only record `Canceling`. From then on the provider is asked until it confirms, with pauses that grow, for ever: a
//! provider that is away delays a refund and never loses one.
//!
//! No input, no memory, no retries inside: a failed cancel is found again the next time. It may be cut off anywhere, as a
//! crash may, and every replica may run it: each cancel is claimed by one of them.

use std::time::Duration;

use events::BookingId;
use futures_util::future::join_all;
use jiff::Timestamp;
use process::crash;
use telemetry::chain;
use telemetry::trace_context::TraceContext;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use upstream::CallError;

use crate::AppState;
use crate::app::{Claimed, claim_cancels, end_cancel, put_off_cancel};
use crate::domain::{Payment, Reference};
use crate::store::payments;

/// Pause between two looks, unless an event was applied.
const EVERY: Duration = Duration::from_secs(1);
/// How often the cancels in progress are counted.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// Cancels asked for at the same time.
const AT_ONCE: i64 = 16;
/// Cancels of one look; the next one takes the rest.
const ROUNDS: usize = 100;
/// Nobody else asks for a claimed cancel within this: longer than a call takes.
pub const CLAIM: Duration = Duration::from_secs(15);
/// Pause after the first failed call; doubled up to the longest one.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(64);

/// The refunder of one process.
#[derive(Clone, Debug)]
pub struct Refunder {
    state: AppState,
}

/// Why a cancel goes on.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    #[error("the payment provider did not confirm the cancel")]
    Provider(#[from] CallError),
    #[error("the provider's cancel was not recorded")]
    NotRecorded(#[from] storage::Error),
}

impl RefundError {
    fn was_never_sent(&self) -> bool {
        matches!(self, Self::Provider(failure) if failure.was_never_sent())
    }
}

impl Refunder {
    pub fn new(state: AppState) -> Self {
        Self { state }
    }

    /// Looks once a second until `stop`, and whenever `applied` reports an event.
    pub async fn run(self, mut applied: watch::Receiver<()>, stop: CancellationToken) {
        let mut timer = interval(EVERY);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut counting = interval(COUNT_EVERY);
        counting.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let looks = async {
            loop {
                let outcome = tokio::select! {
                    _ = timer.tick() => self.look().await,
                    // A consumer that has ended applies nothing more.
                    Ok(()) = applied.changed() => self.look().await,
                    _ = counting.tick() => self.count().await,
                };
                if let Err(error) = outcome {
                    tracing::warn!(cause = chain(&error), "cancels stay in progress");
                }
            }
        };
        tokio::select! { () = looks => {}, () = stop.cancelled() => {} }
    }

    /// Asks the provider for every cancel that is due, until one call does not reach it.
    pub async fn look(&self) -> Result<(), storage::Error> {
        for _ in 0..ROUNDS {
            if !self.has_due().await? {
                break;
            }
            let claimed = self.claim().await?;
            crash::point("payment.refunder.claimed");
            let is_away = self.ask(claimed).await?;
            if is_away {
                break;
            }
        }
        Ok(())
    }

    async fn has_due(&self) -> Result<bool, storage::Error> {
        payments::has_due(&mut self.state.db.read().await?, Timestamp::now()).await
    }

    async fn claim(&self) -> Result<Vec<Claimed>, storage::Error> {
        let mut tx = self.state.db.begin().await?;
        let claimed = claim_cancels(&mut tx, CLAIM, AT_ONCE).await?;
        tx.commit().await?;
        Ok(claimed)
    }

    /// One round. Returns whether the provider cannot be reached, so that asking for the next cancels is of no use.
    async fn ask(&self, claimed: Vec<Claimed>) -> Result<bool, storage::Error> {
        let outcomes = join_all(claimed.iter().map(|claimed| self.cancel(claimed))).await;
        let failed: Vec<_> = claimed.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_err()).collect();
        let Some((_, Err(last))) = failed.last() else {
            return Ok(false);
        };
        tracing::warn!(failed = failed.len(), cause = chain(last), "cancels stay in progress");
        let mut tx = self.state.db.begin().await?;
        for (claimed, outcome) in &failed {
            // While our own breaker refuses, or nobody listens, no pause grows: the refund is due when the provider is back.
            let was_asked = !outcome.as_ref().is_err_and(RefundError::was_never_sent);
            let pause = if was_asked { pause_after(claimed.asks) } else { FIRST_PAUSE };
            put_off_cancel(&mut tx, claimed.booking_id, pause, was_asked).await?;
        }
        tx.commit().await?;
        Ok(last.was_never_sent())
    }

    async fn cancel(&self, claimed: &Claimed) -> Result<(), RefundError> {
        let Ok(booking_id) = BookingId::new(claimed.booking_id) else {
            tracing::error!(
                booking_id = claimed.booking_id,
                "skipping a cancel: its booking has no valid id"
            );
            return Ok(());
        };
        let reference = claimed.reference.clone().map(Reference::restore);
        let span = tracing::info_span!("refund", %booking_id);
        let refund = async {
            let payment = refund(&self.state, booking_id, reference).await?;
            tracing::info!("a cancel ended: the payment is {}", payment.status());
            Ok(())
        };
        TraceContext::root().scope(refund.instrument(span)).await
    }

    async fn count(&self) -> Result<(), storage::Error> {
        let count = payments::count_canceling(&mut self.state.db.read().await?).await?;
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("payment_cancels_in_progress").set(count as f64);
        Ok(())
    }
}

/// The pause after a cancel was asked for `asks` times.
fn pause_after(asks: i64) -> Duration {
    let doublings = u32::try_from((asks - 1).clamp(0, 5)).unwrap_or_default();
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

/// Has the provider cancel a booking's `reference`, the usual one if `None`, and records it. May be repeated at any time.
///
/// # Errors
///
/// When the provider did not confirm, or the database did not record it; the payment stays `Canceling`.
pub async fn refund(
    state: &AppState,
    booking_id: BookingId,
    reference: Option<Reference>,
) -> Result<Payment, RefundError> {
    let reference = reference.unwrap_or_else(|| state.processor.reference(booking_id));
    let refunded = state.processor.cancel(&reference).await?;
    crash::point("payment.refunded");
    let mut tx = state.db.begin().await?;
    let payment = end_cancel(&mut tx, booking_id, &reference, refunded).await?;
    tx.commit().await?;
    crash::point("payment.canceled");
    Ok(payment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_about_a_minute() {
        let pauses = [0, 1, 2, 3, 6, 7, i64::MAX].map(|asks| pause_after(asks).as_secs());
        assert_eq!(pauses, [2, 2, 4, 8, 64, 64, 64]);
    }
}

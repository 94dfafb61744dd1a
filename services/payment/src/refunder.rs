//! Cancels payments at the provider, and records the confirmed cancellations.
//!
//! Requests and events only record `Canceling`. From then on the refunder asks the provider to cancel until
//! the provider confirms, without a limit and with growing pauses. A provider that is unreachable delays a
//! refund, but no refund is lost.
//!
//! The refunder keeps no state and does not retry within a round: the next round finds what failed. It may be
//! stopped anywhere, like in a crash, and every replica may run it: only one of them claims a cancellation.

use std::time::Duration;

use events::BookingId;
use events::headers::BOOKING_ATTRIBUTE;
use futures_util::future::join_all;
use process::crash;
use telemetry::chain;
use telemetry::outage::{DATABASE, Outage};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use upstream::CallError;

use crate::AppState;
use crate::app::{Claimed, claim_cancels, end_cancel, postpone_cancel};
use crate::domain::{Payment, Reference};
use crate::store::payments;

/// Pause between two rounds, unless an event was applied.
const EVERY: Duration = Duration::from_secs(1);
/// How often the cancellations in progress are counted.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// Maximum number of concurrent calls to the provider; also the size of a batch.
const AT_ONCE: i64 = 16;
/// Maximum number of batches per round; the next round takes the rest.
const BATCHES: usize = 100;
/// How long a claimed cancel is left to its claimant: longer than a call takes.
pub const CLAIM: Duration = Duration::from_secs(15);
/// Pause after the first failed call. It doubles with each further one, up to `LONGEST_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(64);

/// The refunder of one process.
#[derive(Debug)]
pub struct Refunder {
    state: AppState,
    /// The outages that delay cancellations.
    database: Outage,
    provider: Outage,
}

/// Why a cancellation has not ended.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    #[error("the payment provider did not confirm the cancellation")]
    Provider(#[from] CallError),
    #[error("the provider canceled, but the cancellation was not recorded")]
    NotRecorded(#[from] storage::Error),
}

impl RefundError {
    fn was_never_sent(&self) -> bool {
        matches!(self, Self::Provider(failure) if failure.was_never_sent())
    }
}

impl Refunder {
    pub fn new(state: AppState) -> Self {
        Self { state, database: Outage::of(DATABASE), provider: Outage::of("processor") }
    }

    /// Runs a round each second until `stop`, and at once when `applied` reports an event.
    pub async fn run(self, mut applied: watch::Receiver<()>, stop: CancellationToken) {
        let mut timer = interval(EVERY);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut counting = interval(COUNT_EVERY);
        counting.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let rounds = async {
            loop {
                let outcome = tokio::select! {
                    _ = timer.tick() => self.run_once().await,
                    // An error means that the consumer has ended; the branch is then disabled.
                    Ok(()) = applied.changed() => self.run_once().await,
                    _ = counting.tick() => self.count().await,
                };
                match outcome {
                    Ok(()) => self.database.succeeded(),
                    Err(error) => self.database.failed(chain(&error)),
                }
            }
        };
        tokio::select! { () = rounds => {}, () = stop.cancelled() => {} }
    }

    /// Processes every cancellation that is due, in batches. If the provider is unreachable, the round ends
    /// early.
    pub async fn run_once(&self) -> Result<(), storage::Error> {
        for _ in 0..BATCHES {
            if !self.has_due().await? {
                break;
            }
            let claimed = self.claim().await?;
            crash::point("payment.refunder.claimed");
            let is_unreachable = self.cancel_all(claimed).await?;
            if is_unreachable {
                break;
            }
        }
        Ok(())
    }

    async fn has_due(&self) -> Result<bool, storage::Error> {
        payments::has_due(&mut self.state.db.read().await?, self.state.db.now()).await
    }

    async fn claim(&self) -> Result<Vec<Claimed>, storage::Error> {
        let mut tx = self.state.db.begin().await?;
        let claimed = claim_cancels(&mut tx, CLAIM, AT_ONCE).await?;
        tx.commit().await?;
        Ok(claimed)
    }

    /// Processes one batch, and postpones the cancellations that failed. Returns whether the provider is
    /// unreachable.
    async fn cancel_all(&self, claimed: Vec<Claimed>) -> Result<bool, storage::Error> {
        let outcomes = join_all(claimed.iter().map(|claimed| self.cancel(claimed))).await;
        let failed: Vec<_> = claimed.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_err()).collect();
        let Some((_, Err(last))) = failed.last() else {
            self.provider.succeeded();
            return Ok(false);
        };
        match last {
            RefundError::Provider(failure) => self.provider.failed(chain(failure)),
            // The provider has canceled, and does so again without an effect.
            RefundError::NotRecorded(error) => {
                tracing::warn!(cause = chain(error), "a cancellation was not recorded and will be retried");
            }
        }
        let mut tx = self.state.db.begin().await?;
        for (claimed, outcome) in &failed {
            // A request that was never sent does not lengthen the pause, so that the refund follows soon
            // after the provider is back or the breaker closes.
            let was_sent = !outcome.as_ref().is_err_and(RefundError::was_never_sent);
            let pause = if was_sent { pause_after(claimed.attempts) } else { FIRST_PAUSE };
            postpone_cancel(&mut tx, claimed.booking_id, pause, was_sent).await?;
        }
        tx.commit().await?;
        Ok(last.was_never_sent())
    }

    async fn cancel(&self, claimed: &Claimed) -> Result<(), RefundError> {
        let Ok(booking_id) = BookingId::new(claimed.booking_id) else {
            tracing::error!(
                booking_id = claimed.booking_id,
                "skipping a cancellation: the id of its booking is invalid"
            );
            return Ok(());
        };
        let reference = claimed.reference.clone().map(Reference::restore);
        let mut exported = telemetry::Span::of_own_work("refund");
        exported.set(BOOKING_ATTRIBUTE, booking_id.get());
        let trace = exported.context();
        let span = tracing::info_span!("refund", booking_id = booking_id.get(), trace_id = trace.trace_id());
        let refund = async {
            let payment = refund(&self.state, booking_id, reference).await?;
            tracing::info!(status = %payment.status(), "the provider confirmed a cancellation");
            Ok(())
        };
        trace.scope(refund.instrument(span)).await
    }

    async fn count(&self) -> Result<(), storage::Error> {
        let count = payments::count_canceling(&mut self.state.db.read().await?).await?;
        if count == 0 {
            self.provider.forget();
        }
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("payment_cancels_in_progress").set(count as f64);
        Ok(())
    }
}

/// The pause after the last of `attempts` calls has failed.
fn pause_after(attempts: i64) -> Duration {
    let doublings = u32::try_from((attempts - 1).clamp(0, 5)).unwrap_or_default();
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

/// Cancels a booking's `reference` at the provider, and records the cancellation. `None` stands for the
/// booking's own reference, under which no charge is recorded. May be repeated at any time.
///
/// # Errors
///
/// When the provider does not confirm, or the database does not record it; the payment stays `Canceling`.
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
        let pauses = [0, 1, 2, 3, 6, 7, i64::MAX].map(|attempts| pause_after(attempts).as_secs());
        assert_eq!(pauses, [2, 2, 4, 8, 64, 64, 64]);
    }
}

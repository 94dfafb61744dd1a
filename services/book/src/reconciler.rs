//! Expires holds, and settles bookings whose attempt to pay has no outcome.
//!
//! A call to payment without a response, or a crash, leaves a pending booking. If the customer was charged,
//! `Paid` settles it. If `Paid` takes long, the reconciler inquires at payment; for a booking that is to be
//! paid later, it pays again. If a booking is not paid in time, its hold expires, which has payment refund a
//! charge that may still arrive.
//!
//! The reconciler keeps no state and does not retry: the next round finds what failed. It may be stopped
//! anywhere, like in a crash, and every replica may run it: only one of them takes a booking.

use std::time::Duration;

use events::BookingId;
use events::headers::BOOKING_ATTRIBUTE;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use process::crash;
use telemetry::chain;
use telemetry::outage::{DATABASE, Outage};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::AppState;
use crate::app::{
    Begun, Outcome, begin_inquiry, begin_payment, expire_booking, list_due_inquiries, list_overdue, postpone,
};
use crate::booking_protocol::{attempt, settle};
use crate::clients::{FoundPayment, PaymentStatus};
use crate::domain::{Booking, PaymentAnswer};

/// Pause between two rounds, unless a booking was left pending.
const EVERY: Duration = Duration::from_secs(1);
/// Maximum number of bookings of each kind per round; the next round takes the rest.
const BATCH: i64 = 100;
/// Pause for a booking that cannot be read.
const POSTPONED_FOR: Duration = Duration::from_secs(60);
/// Maximum number of concurrent calls to payment.
const AT_ONCE: usize = 8;

/// The reconciler of one process.
#[derive(Clone, Debug)]
pub struct Reconciler {
    state: AppState,
}

impl Reconciler {
    pub fn new(state: AppState) -> Self {
        Self { state }
    }

    /// Runs a round each second until `stop`, and at once when a booking is left pending.
    pub async fn run(self, stop: CancellationToken) {
        let mut timer = interval(EVERY);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Bookings stay pending until the next round.
        let outage = Outage::of(DATABASE);
        let rounds = async {
            loop {
                let outcome = tokio::select! {
                    _ = timer.tick() => self.run_once().await,
                    () = self.state.left_pending.notified() => self.run_once().await,
                };
                match outcome {
                    Ok(()) => outage.succeeded(),
                    Err(error) => outage.failed(chain(&error)),
                }
            }
        };
        tokio::select! { () = rounds => {}, () = stop.cancelled() => {} }
    }

    /// Processes everything that is due now.
    pub async fn run_once(&self) -> Result<(), storage::Error> {
        let now = self.state.db.now();
        // Inquiries come before holds expire: a booking that turns out to be paid does not expire.
        let due = list_due_inquiries(&mut self.state.db.read().await?, now, BATCH).await?;
        for ids in due.chunks(AT_ONCE) {
            let inquiries = ids.iter().map(|id| {
                let mut exported = telemetry::Span::of_own_work("reconcile");
                exported.set(BOOKING_ATTRIBUTE, id.get());
                let trace = exported.context();
                let span =
                    tracing::info_span!("reconcile", booking_id = id.get(), trace_id = trace.trace_id());
                // Until its end, the inquiry owns the span.
                trace.scope(self.inquire(*id).inspect(move |_| drop(exported)).instrument(span))
            });
            for (id, outcome) in ids.iter().zip(join_all(inquiries).await) {
                self.skip_corrupt(*id, outcome).await?;
            }
        }
        let overdue = list_overdue(&mut self.state.db.read().await?, now, BATCH).await?;
        for id in overdue {
            self.skip_corrupt(id, self.expire(id).await).await?;
        }
        Ok(())
    }

    /// Postpones a booking that cannot be read or written, so that those behind it are processed. If the
    /// database is unreachable or refuses, the round ends instead.
    async fn skip_corrupt(
        &self,
        id: BookingId,
        outcome: Result<(), storage::Error>,
    ) -> Result<(), storage::Error> {
        let error = match outcome {
            Err(error) if !error.is_transient() => error,
            outcome => return outcome,
        };
        tracing::error!(
            booking_id = id.get(),
            cause = chain(&error),
            "skipping a pending booking for a minute: it cannot be processed"
        );
        let mut tx = self.state.db.begin().await?;
        postpone(&mut tx, id, POSTPONED_FOR).await?;
        tx.commit().await
    }

    async fn expire(&self, id: BookingId) -> Result<(), storage::Error> {
        let mut tx = self.state.db.begin().await?;
        let mut exported = telemetry::Span::of_own_work("expire");
        exported.set(BOOKING_ATTRIBUTE, id.get());
        let has_ended = exported.context().scope(expire_booking(&mut tx, id)).await?;
        tx.commit().await?;
        drop(exported);
        crash::point("book.expired");
        if has_ended {
            metrics::counter!("holds_expired_total").increment(1);
            tracing::info!(booking_id = id.get(), "the hold has expired, and its places are released");
        }
        Ok(())
    }

    /// Settles one pending booking by an inquiry at payment, or pays it later.
    async fn inquire(&self, id: BookingId) -> Result<(), storage::Error> {
        let mut tx = self.state.db.begin().await?;
        let begun = begin_inquiry(&mut tx, id).await?;
        tx.commit().await?;
        crash::point("book.reconciler.taken");
        let Some(booking) = begun else {
            return Ok(());
        };
        let answer = match self.state.payments.inquire(id).await {
            Ok(Some(payment)) => match answer_of(&booking, &payment) {
                Some(answer) => answer,
                None => return Ok(()),
            },
            Ok(None) if booking.row().hold.pay_later => return self.pay(id).await,
            // A payment may still arrive.
            Ok(None) => return Ok(()),
            Err(failure) => {
                tracing::debug!(cause = chain(&failure), "the inquiry at payment failed");
                return Ok(());
            }
        };
        crash::point("book.reconciler.asked");
        match settle(&self.state, booking, answer).await? {
            Outcome::Booked(_) => tracing::info!("a booking that was left pending is paid"),
            Outcome::Declined => tracing::info!("a booking that was left pending is declined"),
            // It ended during the inquiry.
            _ => {}
        }
        Ok(())
    }

    /// Pays without the customer, who chose that.
    async fn pay(&self, id: BookingId) -> Result<(), storage::Error> {
        let mut tx = self.state.db.begin().await?;
        let begun = begin_payment(&mut tx, id, &self.state.rules).await?;
        tx.commit().await?;
        if let Begun::Attempt(booking) = begun {
            attempt(&self.state, booking).await?;
        }
        Ok(())
    }
}

/// Returns what a found payment means for the booking, or `None` if another amount was charged, which decides
/// nothing; when the hold expires, payment refunds it.
fn answer_of(booking: &Booking, payment: &FoundPayment) -> Option<PaymentAnswer> {
    match payment.status {
        PaymentStatus::Paid if payment.total_price == booking.amount_due().get() => Some(PaymentAnswer::Paid),
        PaymentStatus::Paid => {
            let charged = payment.total_price;
            tracing::warn!(
                charged,
                "another amount was charged; the booking stays pending until its hold expires"
            );
            None
        }
        PaymentStatus::Canceling | PaymentStatus::Canceled | PaymentStatus::Voided => {
            Some(PaymentAnswer::Declined)
        }
    }
}

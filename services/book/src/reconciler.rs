//! Ends the holds whose time is over, and sees to the payments of which nothing was heard.
//!
//! A payment that did not answer, or a crash, leaves a booking pending. If the money was taken, `Paid` settles it. If that is
//! long in coming, payment is asked here; and where the customer wants it so, the payment is tried again. What is not paid in
//! time is given up, which calls back whatever money may come after all.
//!
//! No input, no memory, no retries inside: what fails is found again the next time. It may be cut off anywhere, as a crash
//! may, and every replica may run it: each booking is taken by one of them.

use std::time::Duration;

use events::BookingId;
use futures_util::future::join_all;
use jiff::Timestamp;
use service_kit::crash;
use service_kit::request_log::chain;
use service_kit::trace_context::TraceContext;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::AppState;
use crate::app::{
    Begun, Outcome, begin_payment, expire_booking, list_overdue, list_unsettled, put_off, take_unsettled,
};
use crate::booking_protocol::{attempt, settle};
use crate::clients::{FoundPayment, PaymentStatus};
use crate::domain::{Booking, PaymentAnswer};

/// Pause between two looks, unless a booking was just left pending.
const EVERY: Duration = Duration::from_secs(1);
/// Bookings of one look of each kind; the next one takes the rest.
const BATCH: i64 = 100;
/// A booking that cannot be read is looked at again after this.
const PUT_OFF_FOR: Duration = Duration::from_secs(60);
/// Payments asked for, or about, at the same time.
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

    /// Looks once a second until `stop`, and at once when a booking is left pending.
    pub async fn run(self, stop: CancellationToken) {
        let mut timer = interval(EVERY);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let looks = async {
            loop {
                let outcome = tokio::select! {
                    _ = timer.tick() => self.look().await,
                    () = self.state.left_pending.notified() => self.look().await,
                };
                if let Err(error) = outcome {
                    tracing::warn!(cause = chain(&error), "bookings stay pending for now");
                }
            }
        };
        tokio::select! { () = looks => {}, () = stop.cancelled() => {} }
    }

    /// One look at all that is due now.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn look(&self) -> Result<(), storage::Error> {
        let now = Timestamp::now();
        // Before the holds end: what turns out to be paid does not expire.
        let unsettled = list_unsettled(&mut self.state.db.read().await?, now, BATCH).await?;
        for ids in unsettled.chunks(AT_ONCE) {
            let settling = ids.iter().map(|id| {
                let span = tracing::info_span!("reconcile", booking_id = %id);
                TraceContext::root().scope(self.see_to_payment(*id).instrument(span))
            });
            for (id, outcome) in ids.iter().zip(join_all(settling).await) {
                self.pass_over(*id, outcome).await?;
            }
        }
        let overdue = list_overdue(&mut self.state.db.read().await?, now, BATCH).await?;
        for id in overdue {
            self.pass_over(id, self.expire(id).await).await?;
        }
        Ok(())
    }

    /// Puts a booking off that cannot be read or written, so that those behind it are looked after. A database that is away
    /// or refuses ends the look instead.
    async fn pass_over(
        &self,
        id: BookingId,
        outcome: Result<(), storage::Error>,
    ) -> Result<(), storage::Error> {
        let error = match outcome {
            Err(error) if !error.is_transient() => error,
            outcome => return outcome,
        };
        tracing::error!(booking_id = %id, cause = chain(&error), "skipping a pending booking for a minute: it cannot be processed");
        let mut tx = self.state.db.begin().await?;
        put_off(&mut tx, id, PUT_OFF_FOR).await?;
        tx.commit().await
    }

    async fn expire(&self, id: BookingId) -> Result<(), storage::Error> {
        let mut tx = self.state.db.begin().await?;
        let has_ended = TraceContext::root().scope(expire_booking(&mut tx, id)).await?;
        tx.commit().await?;
        crash::point("book.expired");
        if has_ended {
            metrics::counter!("holds_expired_total").increment(1);
            tracing::info!(booking_id = %id, "the hold is over, and its places are free");
        }
        Ok(())
    }

    /// Settles one pending booking, as far as payment lets that be done.
    async fn see_to_payment(&self, id: BookingId) -> Result<(), storage::Error> {
        let mut tx = self.state.db.begin().await?;
        let taken = take_unsettled(&mut tx, id).await?;
        tx.commit().await?;
        crash::point("book.reconciler.taken");
        let Some(booking) = taken else {
            return Ok(());
        };
        let answer = match self.state.payments.inquire(id).await {
            Ok(Some(payment)) => match weigh(&booking, &payment) {
                Some(answer) => answer,
                None => return Ok(()),
            },
            Ok(None) if booking.row().hold.pay_later => return self.pay(id).await,
            // It may still come.
            Ok(None) => return Ok(()),
            Err(failure) => {
                tracing::debug!(cause = chain(&failure), "payment does not tell");
                return Ok(());
            }
        };
        crash::point("book.reconciler.asked");
        match settle(&self.state, booking, answer).await? {
            Outcome::Booked(_) => tracing::info!("a booking that was left pending is paid"),
            Outcome::Declined => tracing::info!("a booking that was left pending is declined"),
            // It was ended meanwhile.
            _ => {}
        }
        Ok(())
    }

    /// Pays without the customer, who wanted it so.
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

/// What a found payment means for the booking. `None`: another price was charged, which settles nothing; the hold's end
/// refunds it.
fn weigh(booking: &Booking, payment: &FoundPayment) -> Option<PaymentAnswer> {
    match payment.status {
        PaymentStatus::Paid if payment.total_price == booking.amount_due().get() => Some(PaymentAnswer::Paid),
        PaymentStatus::Paid => {
            let charged = payment.total_price;
            tracing::warn!(
                charged,
                "another price was charged; the booking stays pending until its hold ends"
            );
            None
        }
        PaymentStatus::Canceling | PaymentStatus::Canceled | PaymentStatus::Voided => {
            Some(PaymentAnswer::Declined)
        }
    }
}

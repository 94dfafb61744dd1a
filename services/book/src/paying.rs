//! The payment, between two transactions: whoever holds a connection never awaits the network. Customers and the reconciler
//! alike pay here.

use events::BookingId;
use service_kit::crash;
use service_kit::request_log::chain;
use service_kit::upstream::CallError;

use crate::AppState;
use crate::app::{PaymentOutcome, Settled, settle_booking};
use crate::clients::PaymentAnswer;
use crate::domain::{Booking, Status};

/// How an attempt to pay ended.
#[derive(Debug)]
pub struct Attempt {
    pub settled: Settled,
    /// Why payment did not decide, if it did not.
    pub failure: Option<CallError>,
}

/// Asks for the payment of `booking`, whose attempt has begun, and settles it. A crash on the way leaves it pending: `Paid`
/// settles it if the money was taken, or else the reconciler.
///
/// # Errors
///
/// When the database fails in a way that no repetition mends.
pub async fn pay_and_settle(state: &AppState, booking: Booking) -> Result<Attempt, storage::Error> {
    let answer = state.payments.pay(&booking).await;
    crash::point("book.paid");
    let (outcome, failure) = weigh(answer);
    match settle(state, booking.id(), outcome).await {
        Ok(settled) => Ok(Attempt { settled, failure }),
        // The booking is kept, and the money may have been taken: anything but "pending" would not be true.
        Err(error) if error.is_transient() => {
            tracing::warn!(cause = chain(&error), "the booking stays pending; `Paid` settles it");
            Ok(Attempt { settled: Ok(booking), failure })
        }
        Err(error) => Err(error),
    }
}

/// The transaction after the payment.
///
/// # Errors
///
/// When the database fails.
pub async fn settle(
    state: &AppState,
    id: BookingId,
    outcome: PaymentOutcome,
) -> Result<Settled, storage::Error> {
    let mut tx = state.db.begin().await?;
    let settled = settle_booking(&mut tx, id, outcome, &state.rules).await?;
    tx.commit().await?;
    crash::point("book.settled");
    if settled.as_ref().is_ok_and(|booking| booking.status() == Status::PaymentPending) {
        state.left_pending.notify_one();
    }
    Ok(settled)
}

/// What a payment call means for the booking.
fn weigh(answer: Result<PaymentAnswer, CallError>) -> (PaymentOutcome, Option<CallError>) {
    match answer {
        Ok(PaymentAnswer::Paid) => (PaymentOutcome::Paid, None),
        Ok(PaymentAnswer::Declined) => (PaymentOutcome::Declined, None),
        Ok(PaymentAnswer::ProviderAway) => (PaymentOutcome::NotReached, None),
        Ok(PaymentAnswer::Conflict) => {
            tracing::warn!("the payment provider has charged another price; the booking stays pending");
            (PaymentOutcome::Unknown, None)
        }
        Err(failure) if failure.was_never_sent() => (PaymentOutcome::NotReached, Some(failure)),
        Err(failure) => {
            tracing::warn!(cause = chain(&failure), "whether it was paid is not known yet");
            (PaymentOutcome::Unknown, Some(failure))
        }
    }
}

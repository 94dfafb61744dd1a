//! One booking from its request to its outcome, top to bottom.
//!
//! No connection to the database is held while another service is called, so a booking takes two
//! transactions, with the payment between them. A crash between them leaves a pending booking. `Paid` settles
//! it if the customer was charged; the reconciler settles it by an inquiry at payment, or expires its hold.

use events::BookingId;
use http_server::request_log::record;
use process::crash;
use storage::Error;
use telemetry::chain;

use crate::AppState;
use crate::app::{Begun, Outcome, Stop, admit, begin_payment, claim_key, hold_places, settle_booking};
use crate::domain::{Booking, Invalid, Order, PaymentAnswer, RequestKey};
use crate::waiting::wait_until;

/// Books and pays: the key, the screening, the places, the payment, and the settlement. `order` is invalid
/// where its fields are; with a key, a repeated request gets its booking all the same.
///
/// # Errors
///
/// When the database fails and a repeated request would fail again.
pub async fn book(
    state: &AppState,
    order: Result<Order, Vec<Invalid>>,
    key: Option<RequestKey>,
) -> Result<Outcome, Error> {
    match open(state, order, key).await {
        Ok(booking) => attempt(state, booking).await,
        Err(Stop::Known(id)) => Ok(pay(state, id).await?.repeated()),
        Err(Stop::Refused(outcome)) => Ok(*outcome),
        Err(Stop::Storage(error)) => Err(error),
    }
}

/// Runs the first transaction. It leaves a pending booking whose first attempt to pay has begun, or nothing.
///
/// # Errors
///
/// When the request was sent before or is refused, or the database fails.
pub async fn open(
    state: &AppState,
    order: Result<Order, Vec<Invalid>>,
    key: Option<RequestKey>,
) -> Result<Booking, Stop> {
    if let (Err(invalid), None) = (&order, &key) {
        return Err(Outcome::Invalid(invalid.clone()).into());
    }
    let mut tx = state.db.begin().await?;
    // The key comes first: a repeated request gets its booking even if a rule would refuse it now, such as
    // that its places must be free, which are its own.
    if let Some(key) = &key {
        claim_key(&mut tx, key).await?;
    }
    let order = order.map_err(Outcome::Invalid)?;
    // The screening must not have started. It sets the price.
    let (order, starts_at) = admit(&mut tx, order).await?;
    // All of the places, or none.
    let booking = hold_places(&mut tx, order, starts_at, key.as_ref(), &state.cinema, &state.rules).await?;
    tx.commit().await?;
    record("booking_id", booking.id().get());
    crash::point("book.opened");
    Ok(booking)
}

/// Pays for a held booking. Its customer requests that, or repeats the request to book.
///
/// # Errors
///
/// Like [`book`].
pub async fn pay(state: &AppState, id: BookingId) -> Result<Outcome, Error> {
    record("booking_id", id.get());
    let mut tx = state.db.begin().await?;
    let begun = begin_payment(&mut tx, id, &state.rules).await?;
    tx.commit().await?;
    match begun {
        Begun::Attempt(booking) => attempt(state, booking).await,
        // All requests that arrive during an attempt get its outcome.
        Begun::InProgress => outcome_of_running(state, id).await,
        Begun::Over(outcome) => Ok(outcome),
    }
}

/// Makes the attempt to pay for `booking` that has begun, and settles the booking.
pub(crate) async fn attempt(state: &AppState, booking: Booking) -> Result<Outcome, Error> {
    let (answer, failure) = state.payments.pay(&booking).await;
    crash::point("book.paid");
    let outcome = match settle(state, booking.clone(), answer).await {
        // The booking exists, and its customer may have been charged: any outcome but "pending" would be
        // wrong.
        Err(error) if error.is_transient() => {
            tracing::warn!(cause = chain(&error), "the booking stays pending until `Paid` settles it");
            Outcome::from(booking)
        }
        settled => settled?,
    };
    Ok(outcome.caused_by(failure))
}

/// Runs the second transaction: payment's answer decides.
pub(crate) async fn settle(
    state: &AppState,
    booking: Booking,
    answer: PaymentAnswer,
) -> Result<Outcome, Error> {
    let id = booking.id();
    let mut tx = state.db.begin().await?;
    let outcome = settle_booking(&mut tx, booking, answer, &state.rules).await?;
    tx.commit().await?;
    crash::point("book.settled");
    state.waiters.wake([id]);
    if matches!(outcome, Outcome::Held(..)) {
        state.left_pending.notify_one();
    }
    Ok(outcome)
}

async fn outcome_of_running(state: &AppState, id: BookingId) -> Result<Outcome, Error> {
    let is_over = |booking: &Booking| !booking.is_paying(state.db.now());
    Ok(match wait_until(state, id, state.rules.attempt, is_over).await? {
        None => Outcome::NotFound(id),
        Some(booking) if !is_over(&booking) => Outcome::InProgress,
        Some(booking) => booking.into(),
    })
}

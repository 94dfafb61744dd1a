//! One booking from its request to its outcome, top to bottom.
//!
//! A process that holds a connection never awaits the network, so a booking is two transactions with the payment between
//! them. A crash between them leaves a held booking: `Paid` settles it if the money was taken, or else the reconciler, which
//! asks about every attempt until payment has said what became of it, or the end of the hold.

use events::BookingId;
use jiff::Timestamp;
use service_kit::crash;
use service_kit::request_log::{chain, record};
use storage::Error;

use crate::AppState;
use crate::app::{Begun, Outcome, Stop, admit, begin_payment, claim_key, hold_places, settle_booking};
use crate::domain::{Booking, Invalid, Order, PaymentAnswer, RequestKey};
use crate::waiting::wait_until;

/// A request for a booking.
#[derive(Clone, Debug)]
pub struct Request {
    pub order: Result<Order, Vec<Invalid>>,
    /// Makes it a request that can be repeated.
    pub key: Option<RequestKey>,
}

/// Books: the key, the screening, the places, the payment, and what its answer decides.
///
/// # Errors
///
/// When the database fails in a way that no repetition mends.
pub async fn book(state: &AppState, request: Request) -> Result<Outcome, Error> {
    match open(state, request).await {
        Ok(booking) => attempt(state, booking).await,
        Err(Stop::Known(id)) => Ok(pay(state, id).await?.repeated()),
        Err(Stop::Refused(outcome)) => Ok(*outcome),
        Err(Stop::Storage(error)) => Err(error),
    }
}

/// The first transaction. It ends with a pending booking, whose first attempt to pay has begun, or with nothing.
///
/// # Errors
///
/// When the request is known or refused, or the database fails.
pub async fn open(state: &AppState, request: Request) -> Result<Booking, Stop> {
    let Request { order, key } = request;
    if let (Err(invalid), None) = (&order, &key) {
        return Err(Outcome::Invalid(invalid.clone()).into());
    }
    let mut tx = state.db.begin().await?;
    // The key is first: a repeated request gets its booking, whatever a rule would say now about its fields, about the start of
    // the screening, or about the places, which are its own.
    if let Some(key) = &key {
        claim_key(&mut tx, key).await?;
    }
    let order = order.map_err(Outcome::Invalid)?;
    // The screening must not have begun. It says what the places cost.
    let admitted = admit(&mut tx, order).await?;
    // All of the places, or none.
    let booking = hold_places(&mut tx, admitted, key.as_ref(), &state.cinema, &state.rules).await?;
    tx.commit().await?;
    record("booking_id", booking.id());
    crash::point("book.opened");
    Ok(booking)
}

/// Pays for a booking that is held: by its customer, or by its request when that is repeated.
///
/// # Errors
///
/// As [`book`].
pub async fn pay(state: &AppState, id: BookingId) -> Result<Outcome, Error> {
    record("booking_id", id);
    let mut tx = state.db.begin().await?;
    let begun = begin_payment(&mut tx, id, &state.rules).await?;
    tx.commit().await?;
    match begun {
        Begun::Attempt(booking) => attempt(state, booking).await,
        // All requests that come while an attempt runs get its outcome.
        Begun::InProgress => outcome_of_running(state, id).await,
        Begun::Over(outcome) => Ok(outcome),
    }
}

/// The attempt to pay for `booking`, which has begun. No connection is held while payment is asked.
pub(crate) async fn attempt(state: &AppState, booking: Booking) -> Result<Outcome, Error> {
    let (answer, failure) = state.payments.pay(&booking).await;
    crash::point("book.paid");
    let outcome = match settle(state, booking.clone(), answer).await {
        // The booking is kept, and the money may have been taken: any outcome but "pending" would not be true.
        Err(error) if error.is_transient() => {
            tracing::warn!(cause = chain(&error), "the booking stays pending; `Paid` settles it");
            Outcome::from(booking)
        }
        settled => settled?,
    };
    Ok(outcome.because_of(failure))
}

/// The second transaction: the answer of payment decides.
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
    let is_over = |booking: &Booking| !booking.is_paying(Timestamp::now());
    Ok(match wait_until(state, id, state.rules.attempt, is_over).await? {
        None => Outcome::NotFound(id),
        Some(booking) if !is_over(&booking) => Outcome::InProgress,
        Some(booking) => booking.into(),
    })
}

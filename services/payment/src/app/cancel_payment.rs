//! A booking's money goes back, or is never taken: first recorded, then done by the provider, then recorded as done.

use std::time::Duration;

use events::{BookingId, Price};
use jiff::Timestamp;
use messaging::outbox;
use storage::{Error, Tx};

use super::Outcome;
use crate::SERVICE;
use crate::domain::{Change, Payment, Reference};
use crate::store::payments;
pub use crate::store::payments::ClaimedRow as Claimed;

/// Records that the booking's money has to go back. If there is no payment, a tombstone keeps one that is still on its way from
/// being recorded. The provider is asked after `pause`.
pub async fn begin_cancel(tx: &mut Tx, booking_id: BookingId, pause: Duration) -> Result<Outcome, Error> {
    begin(tx, booking_id, pause, Payment::cancel).await
}

/// The same because the ticket is void: the booking's cancel receives the end in any case.
pub async fn begin_cancel_for_ticket(tx: &mut Tx, booking_id: BookingId) -> Result<Outcome, Error> {
    begin(tx, booking_id, Duration::ZERO, Payment::cancel_for_ticket).await
}

async fn begin(
    tx: &mut Tx,
    booking_id: BookingId,
    pause: Duration,
    cancel: fn(Payment, Timestamp) -> Change,
) -> Result<Outcome, Error> {
    let ask_at = tx.now() + pause;
    if let Some(tombstone) = payments::insert_canceling(tx, booking_id, ask_at).await? {
        return Ok(Outcome::Created(tombstone));
    }
    let known = payments::lock_of(tx, booking_id).await?;
    let change = cancel(known.clone(), ask_at);
    keep(tx, &known, change).await.map(Outcome::Known)
}

/// Records that the provider has canceled `reference`, with the event. `refunded`: what it had charged before.
///
/// # Errors
///
/// When the database fails. The payment stays `Canceling` then, and the provider is asked again.
pub async fn end_cancel(
    tx: &mut Tx,
    booking_id: BookingId,
    reference: &Reference,
    refunded: Option<Price>,
) -> Result<Payment, Error> {
    let known = payments::lock_of(tx, booking_id).await?;
    let change = known.clone().end_cancel(reference, refunded);
    keep(tx, &known, change).await
}

async fn keep(tx: &mut Tx, known: &Payment, change: Change) -> Result<Payment, Error> {
    if change.payment != *known {
        payments::update(tx, &change.payment).await?;
    }
    if let Some(event) = change.event {
        outbox::append(tx, SERVICE, event).await?;
    }
    Ok(change.payment)
}

/// Claims at most `limit` cancels that are due, for `length`.
pub async fn claim_cancels(tx: &mut Tx, length: Duration, limit: i64) -> Result<Vec<Claimed>, Error> {
    payments::claim_due(tx, length, limit).await
}

/// Lets the provider be asked again after `pause`. A question that was not asked does not count.
pub async fn put_off_cancel(
    tx: &mut Tx,
    booking_id: i64,
    pause: Duration,
    was_asked: bool,
) -> Result<(), Error> {
    let ask_at = tx.now() + pause;
    payments::put_off(tx, booking_id, ask_at, was_asked).await
}

//! Cancels a booking's payment, in two steps: first the cancellation is recorded, and after the provider has
//! canceled, its end.

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

/// Begins to cancel the booking's payment. If there is no payment, a tombstone is recorded, which rejects a
/// charge that may still arrive. The refunder takes over after `pause`.
pub async fn begin_cancel(tx: &mut Tx, booking_id: BookingId, pause: Duration) -> Result<Outcome, Error> {
    begin(tx, booking_id, pause, Payment::cancel).await
}

/// Begins to cancel the payment of a void ticket. If the payment has already ended, its event is published
/// again, because the cancellation of the booking waits for it.
pub async fn begin_cancel_for_ticket(tx: &mut Tx, booking_id: BookingId) -> Result<Outcome, Error> {
    begin(tx, booking_id, Duration::ZERO, Payment::cancel_for_ticket).await
}

async fn begin(
    tx: &mut Tx,
    booking_id: BookingId,
    pause: Duration,
    cancel: fn(Payment, Timestamp) -> Change,
) -> Result<Outcome, Error> {
    let cancel_at = tx.now() + pause;
    if let Some(tombstone) = payments::insert_canceling(tx, booking_id, cancel_at).await? {
        return Ok(Outcome::Created(tombstone));
    }
    let existing = payments::lock(tx, booking_id).await?;
    let change = cancel(existing.clone(), cancel_at);
    store_change(tx, &existing, change).await.map(Outcome::Existing)
}

/// Records that the provider has canceled `reference`, and publishes it. `refunded`: the amount that the
/// provider had charged.
///
/// If this fails, the payment stays `Canceling`, and the refunder cancels again.
pub async fn end_cancel(
    tx: &mut Tx,
    booking_id: BookingId,
    reference: &Reference,
    refunded: Option<Price>,
) -> Result<Payment, Error> {
    let existing = payments::lock(tx, booking_id).await?;
    let change = existing.clone().end_cancel(reference, refunded);
    store_change(tx, &existing, change).await
}

async fn store_change(tx: &mut Tx, existing: &Payment, change: Change) -> Result<Payment, Error> {
    if change.payment != *existing {
        payments::update(tx, &change.payment).await?;
    }
    if let Some(event) = change.event {
        outbox::append(tx, SERVICE, event).await?;
    }
    Ok(change.payment)
}

/// Claims at most `limit` due cancellations, for `length`.
pub async fn claim_cancels(tx: &mut Tx, length: Duration, limit: i64) -> Result<Vec<Claimed>, Error> {
    payments::claim_due(tx, length, limit).await
}

/// Postpones the next attempt to cancel by `pause`. An attempt that was not sent does not count.
pub async fn postpone_cancel(
    tx: &mut Tx,
    booking_id: i64,
    pause: Duration,
    was_sent: bool,
) -> Result<(), Error> {
    let cancel_at = tx.now() + pause;
    payments::postpone(tx, booking_id, cancel_at, was_sent).await
}

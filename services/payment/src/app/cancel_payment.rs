//! A booking's money goes back, or is never taken.

use events::BookingId;
use messaging::outbox;
use storage::{Error, Tx};

use super::Outcome;
use crate::SERVICE;
use crate::domain::{Change, Charge, Payment, Price, Status};
use crate::store::payments;

/// Refunds the booking's payment. If there is none, a tombstone keeps one that is still on its way from being taken.
///
/// # Errors
///
/// When the database fails.
pub async fn cancel_payment(tx: &mut Tx, booking_id: BookingId) -> Result<Outcome, Error> {
    cancel(tx, booking_id, Payment::refund).await
}

/// The same because the ticket is void; the booking's cancel is told of the end in any case.
///
/// # Errors
///
/// When the database fails.
pub async fn cancel_payment_for_ticket(tx: &mut Tx, booking_id: BookingId) -> Result<Outcome, Error> {
    cancel(tx, booking_id, Payment::refund_for_ticket).await
}

async fn cancel(tx: &mut Tx, booking_id: BookingId, refund: fn(Payment) -> Change) -> Result<Outcome, Error> {
    let nothing = Charge { booking_id, price: Price::default() };
    if let Some(tombstone) = payments::insert(tx, nothing, Status::Voided).await? {
        outbox::append(tx, SERVICE, tombstone.event()).await?;
        return Ok(Outcome::Created(tombstone));
    }
    let change = refund(payments::lock_of(tx, booking_id).await?);
    payments::update(tx, &change.payment).await?;
    if let Some(event) = change.event {
        outbox::append(tx, SERVICE, event).await?;
    }
    Ok(Outcome::Known(change.payment))
}

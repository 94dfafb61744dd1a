//! Cancels a reference, permanently.

use storage::{Error, Tx};

use super::store_change;
use crate::domain::{Payment, Reference};
use crate::store::payments;

/// Refunds the charge of the reference. If there is none, a tombstone rejects every later charge.
pub async fn cancel_payment(tx: &mut Tx, reference: Reference) -> Result<Payment, Error> {
    let tombstone = Payment::tombstone(reference);
    if payments::insert(tx, &tombstone).await? {
        return Ok(tombstone);
    }
    let payment = payments::lock(tx, &tombstone.row().reference).await?;
    let change = payment.cancel(tx.now());
    store_change(tx, change).await
}

//! A reference is canceled, for good.

use storage::{Error, Tx};

use super::keep;
use crate::domain::{Payment, Reference};
use crate::store::payments;

/// Refunds what was charged under the reference. When nothing was, a tombstone makes sure that nothing ever is.
pub async fn cancel_payment(tx: &mut Tx, reference: Reference) -> Result<Payment, Error> {
    let tombstone = Payment::tombstone(reference);
    if payments::insert(tx, &tombstone).await? {
        return Ok(tombstone);
    }
    let payment = payments::lock(tx, &tombstone.row().reference).await?;
    let change = payment.cancel(tx.now());
    keep(tx, change).await
}

//! Charges money under a reference, once.

use storage::{Error, Tx};

use super::store_change;
use crate::domain::{AmountConflict, Charge, Payment, Verdict};
use crate::store::payments;

/// Why a charge has no verdict.
#[derive(Debug, thiserror::Error)]
pub enum ChargeError {
    #[error(transparent)]
    AmountConflict(#[from] AmountConflict),
    #[error(transparent)]
    Storage(#[from] Error),
}

/// The payment of `charge`, locked until `tx` ends. The first request adds it, which fixes the amount of the
/// reference.
///
/// # Errors
///
/// When the reference was used with a different amount or currency.
pub async fn open_payment(tx: &mut Tx, charge: &Charge) -> Result<Payment, ChargeError> {
    let pending = Payment::pending(charge.reference.clone(), charge.money);
    if payments::insert(tx, &pending).await? {
        return Ok(pending);
    }
    let payment = payments::lock(tx, &charge.reference).await?;
    payment.accept(charge.money)?;
    Ok(payment)
}

/// Applies the `verdict` to the payment of `charge`, unless the payment is already settled. The payment and
/// its line in the ledger are written in one transaction.
///
/// # Errors
///
/// Like [`open_payment`].
pub async fn charge_payment(tx: &mut Tx, charge: &Charge, verdict: Verdict) -> Result<Payment, ChargeError> {
    let payment = open_payment(tx, charge).await?;
    if payment.is_settled() {
        return Ok(payment);
    }
    let change = payment.decide(verdict, tx.now());
    Ok(store_change(tx, change).await?)
}

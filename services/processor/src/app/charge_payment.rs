//! Money is charged under a reference, once.

use storage::{Error, Tx};

use super::keep;
use crate::domain::{Charge, OtherMoney, Payment, Verdict};
use crate::store::payments;

/// Why a charge was neither made nor declined.
#[derive(Debug, thiserror::Error)]
pub enum ChargeError {
    #[error(transparent)]
    OtherMoney(#[from] OtherMoney),
    #[error(transparent)]
    Storage(#[from] Error),
}

/// The payment that `charge` is about, locked until `tx` ends. It is made if this is the first request for it, and the
/// reference stands for its amount from then on.
///
/// # Errors
///
/// When the reference stands for another amount or currency, or the database fails.
pub async fn open_payment(tx: &mut Tx, charge: &Charge) -> Result<Payment, ChargeError> {
    let fresh = Payment::pending(charge.reference.clone(), charge.money);
    if payments::insert(tx, &fresh).await? {
        return Ok(fresh);
    }
    let payment = payments::lock(tx, &charge.reference).await?;
    payment.accept(charge.money)?;
    Ok(payment)
}

/// Charges the money or declines, as the `verdict` says, unless the payment was settled before. The decision and its line
/// in the ledger are one transaction.
///
/// # Errors
///
/// As [`open_payment`].
pub async fn charge_payment(tx: &mut Tx, charge: &Charge, verdict: Verdict) -> Result<Payment, ChargeError> {
    let payment = open_payment(tx, charge).await?;
    if payment.is_settled() {
        return Ok(payment);
    }
    let change = payment.decide(verdict, tx.now());
    Ok(keep(tx, change).await?)
}

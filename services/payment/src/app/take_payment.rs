//! A booking is paid, once.

use messaging::outbox;
use storage::{Conn, Error, Tx};

use super::Outcome;
use crate::SERVICE;
use crate::domain::{Charge, PayRefused, Payment, Status};
use crate::store::payments;

/// Why a payment was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakePaymentError {
    #[error(transparent)]
    Refused(#[from] PayRefused),
    #[error(transparent)]
    Storage(#[from] Error),
}

/// The payment that was taken for `charge` before, if one was: so that a repeat need not ask the processor.
///
/// # Errors
///
/// When the booking's payment is another one, or none is taken any more, or the database fails.
pub async fn find_taken(conn: &mut Conn, charge: Charge) -> Result<Option<Payment>, TakePaymentError> {
    let payment = payments::find_of(conn, charge.booking_id).await?;
    Ok(payment.map(|payment| payment.repeat(charge)).transpose()?)
}

/// Keeps the payment that the processor took, and tells of it.
///
/// While the processor took its time, the same payment may have come by another request, or the booking may have been
/// given up. The row that is there first decides; who comes later is answered from it.
///
/// # Errors
///
/// As [`find_taken`].
pub async fn take_payment(tx: &mut Tx, charge: Charge) -> Result<Outcome, TakePaymentError> {
    let Some(payment) = payments::insert(tx, charge, Status::Paid).await? else {
        let payment = payments::lock_of(tx, charge.booking_id).await?;
        return Ok(Outcome::Known(payment.repeat(charge)?));
    };
    outbox::append(tx, SERVICE, payment.event()).await?;
    Ok(Outcome::Created(payment))
}

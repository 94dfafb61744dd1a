//! A booking is paid, once.

use messaging::outbox;
use storage::{Conn, Error, Tx};

use super::Outcome;
use crate::SERVICE;
use crate::domain::{Charge, PayRefused, Payment, Status};
use crate::store::{idempotency_keys, payments};

/// Why a payment was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakePaymentError {
    #[error(transparent)]
    Refused(#[from] PayRefused),
    #[error("the idempotency key stands for another request")]
    KeyReused,
    #[error(transparent)]
    Storage(#[from] Error),
}

/// What is known of a request before anyone is asked for money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing was taken for the booking yet.
    Nothing,
    /// It is paid, and the request's name stands for it.
    Payment(Payment),
    /// It is paid, and the request's name has yet to stand for it.
    PaymentByAnotherName,
}

/// The payment that was taken for `charge` before, if one was: so that a repeat need not ask the processor.
///
/// # Errors
///
/// When the booking's payment is another one, or none is taken any more, the key stands for another charge, or the
/// database fails.
pub async fn find_taken(
    conn: &mut Conn,
    charge: Charge,
    key: Option<&str>,
) -> Result<Known, TakePaymentError> {
    let bound = match key {
        Some(key) => idempotency_keys::find(conn, key).await?,
        None => None,
    };
    if bound.as_ref().is_some_and(|fingerprint| *fingerprint != charge.fingerprint()) {
        return Err(TakePaymentError::KeyReused);
    }
    let Some(payment) = payments::find_of(conn, charge.booking_id).await? else {
        return Ok(Known::Nothing);
    };
    let payment = payment.repeat(charge)?;
    if key.is_some() && bound.is_none() {
        return Ok(Known::PaymentByAnotherName);
    }
    Ok(Known::Payment(payment))
}

/// Keeps the payment that the processor took, and tells of it. The `key` stands for its charge from then on.
///
/// While the processor took its time, the same payment may have come by another request, or the booking may have been
/// given up. The row that is there first decides; who comes later is answered from it.
///
/// # Errors
///
/// As [`find_taken`].
pub async fn take_payment(
    tx: &mut Tx,
    charge: Charge,
    key: Option<&str>,
) -> Result<Outcome, TakePaymentError> {
    let Some(payment) = payments::insert(tx, charge, Status::Paid).await? else {
        return repeat_payment(tx, charge, key).await;
    };
    match bind(tx, charge, key).await {
        // By another process, meanwhile. Money that was taken is kept account of, whatever it was called.
        Err(TakePaymentError::KeyReused) => {
            tracing::warn!("a payment was taken under a key that stands for another one");
        }
        bound => bound?,
    }
    outbox::append(tx, SERVICE, payment.event()).await?;
    Ok(Outcome::Created(payment))
}

/// Answers with the payment that is there, and lets the `key` stand for its charge from then on.
///
/// # Errors
///
/// As [`find_taken`], and when nothing was taken for the booking.
pub async fn repeat_payment(
    tx: &mut Tx,
    charge: Charge,
    key: Option<&str>,
) -> Result<Outcome, TakePaymentError> {
    let payment = payments::lock_of(tx, charge.booking_id).await?.repeat(charge)?;
    bind(tx, charge, key).await?;
    Ok(Outcome::Known(payment))
}

/// Lets `key` stand for `charge`, if there is one.
///
/// # Errors
///
/// When it stands for another one, or the database fails.
async fn bind(tx: &mut Tx, charge: Charge, key: Option<&str>) -> Result<(), TakePaymentError> {
    let Some(key) = key else { return Ok(()) };
    let fingerprint = charge.fingerprint();
    if idempotency_keys::bind(tx, key, &fingerprint).await? == fingerprint {
        Ok(())
    } else {
        Err(TakePaymentError::KeyReused)
    }
}

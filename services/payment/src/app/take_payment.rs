//! A booking is paid, once.

use messaging::outbox;
use storage::{Conn, Error, Tx};

use super::Outcome;
use crate::SERVICE;
use crate::domain::{Charge, PayRefused, Payment, Reference};
use crate::store::{payments, request_keys};

/// Why the provider is not asked for a payment.
#[derive(Debug, thiserror::Error)]
pub enum TakePaymentError {
    #[error(transparent)]
    Refused(#[from] PayRefused),
    #[error("the idempotency key stands for another request")]
    KeyReused,
    #[error(transparent)]
    Storage(#[from] Error),
}

/// The payment that was taken for `charge` before, if one was: so that a repeat need not ask the provider.
///
/// # Errors
///
/// When the booking was charged another price, or is canceled.
pub async fn find_taken(conn: &mut Conn, charge: Charge) -> Result<Option<Payment>, TakePaymentError> {
    let found = payments::find_of(conn, charge.booking_id).await?;
    Ok(found.map(|payment| payment.repeat(charge)).transpose()?)
}

/// Lets `key` stand for `charge` from now on.
///
/// # Errors
///
/// When the key stands for another charge.
pub async fn bind_key(tx: &mut Tx, charge: Charge, key: &str) -> Result<(), TakePaymentError> {
    let fingerprint = charge.fingerprint();
    if request_keys::bind(tx, key, &fingerprint, charge.booking_id).await? == fingerprint {
        Ok(())
    } else {
        Err(TakePaymentError::KeyReused)
    }
}

/// Records the payment that the provider charged under `reference`, with its event.
///
/// While the provider was asked, another request may have recorded the same payment, or the booking may have been canceled.
/// The row that is there first decides: the caller finds it in the outcome, in whatever state it is.
///
/// # Errors
///
/// When the database fails. The charge stands then, and is found by whoever asks again.
pub async fn record_payment(tx: &mut Tx, charge: Charge, reference: &Reference) -> Result<Outcome, Error> {
    if let Some(payment) = payments::insert_paid(tx, charge, reference).await? {
        if let Some(event) = payment.event() {
            outbox::append(tx, SERVICE, event).await?;
        }
        return Ok(Outcome::Created(payment));
    }
    let known = payments::lock_of(tx, charge.booking_id).await?;
    let payment = known.clone().charged(charge, reference, tx.now());
    if payment != known {
        payments::update(tx, &payment).await?;
    }
    Ok(Outcome::Known(payment))
}

//! Takes the payment of a booking, once.

use messaging::outbox;
use storage::{Conn, Error, Tx};

use super::Outcome;
use crate::SERVICE;
use crate::domain::{Charge, PayRefused, Payment, Reference};
use crate::store::{payments, request_keys};

/// Why a payment is not requested from the provider.
#[derive(Debug, thiserror::Error)]
pub enum TakePaymentError {
    #[error(transparent)]
    Refused(#[from] PayRefused),
    #[error("the idempotency key was used for a different request")]
    KeyReused,
    #[error(transparent)]
    Storage(#[from] Error),
}

/// Finds the payment that was already taken for `charge`, so that a repeated request need not call the
/// provider.
///
/// # Errors
///
/// When the booking was charged a different price, or is canceled.
pub async fn find_existing(conn: &mut Conn, charge: Charge) -> Result<Option<Payment>, TakePaymentError> {
    let found = payments::find_by_booking(conn, charge.booking_id).await?;
    Ok(found.map(|payment| payment.repeat(charge)).transpose()?)
}

/// Claims `key` for `charge`.
///
/// # Errors
///
/// When the key was used for a different charge.
pub async fn claim_key(tx: &mut Tx, charge: Charge, key: &str) -> Result<(), TakePaymentError> {
    let fingerprint = charge.fingerprint();
    if request_keys::claim(tx, key, &fingerprint, charge.booking_id).await? == fingerprint {
        Ok(())
    } else {
        Err(TakePaymentError::KeyReused)
    }
}

/// Records the payment that the provider charged under `reference`, and publishes `Paid`.
///
/// During the call to the provider, another request may have recorded the same payment, or the booking may
/// have been canceled. The first row decides; the outcome has it, in whatever state it is.
///
/// If this fails, the charge stands, and the next request or inquiry finds it at the provider.
pub async fn record_payment(tx: &mut Tx, charge: Charge, reference: &Reference) -> Result<Outcome, Error> {
    if let Some(payment) = payments::insert_paid(tx, charge, reference).await? {
        if let Some(event) = payment.event() {
            outbox::append(tx, SERVICE, event).await?;
        }
        return Ok(Outcome::Created(payment));
    }
    let existing = payments::lock(tx, charge.booking_id).await?;
    let payment = existing.clone().record_charge(charge, reference, tx.now());
    if payment != existing {
        payments::update(tx, &payment).await?;
    }
    Ok(Outcome::Existing(payment))
}

//! One payment from its request to its record: read, charge at the provider, record. No database connection
//! is held while the provider works.
//!
//! A crash, a lost response or a failed transaction leaves a charge without a record. The next request for
//! the payment, or the next [inquiry](inquire) about it, finds the charge at the provider and records it.

use events::{BookingId, Price};
use process::crash;
use upstream::CallError;

use crate::AppState;
use crate::app::{
    Outcome, TakePaymentError, begin_cancel, claim_key, end_cancel, find_existing, record_payment,
};
use crate::clients::{ChargeAnswer, Found};
use crate::domain::{Charge, PayRefused, Payment, PaymentToken};
use crate::refunder::CLAIM;
use crate::store::payments;

/// A request to pay for a booking.
#[derive(Clone, Debug)]
pub struct PayRequest {
    pub charge: Charge,
    pub token: Option<PaymentToken>,
    /// The client's idempotency key.
    pub key: Option<String>,
}

/// Why a payment has no outcome, or was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    /// The provider was not called.
    #[error(transparent)]
    NotAttempted(#[from] TakePaymentError),
    #[error("the payment was declined")]
    Declined,
    #[error(transparent)]
    Refused(PayRefused),
    /// No request was sent to the provider.
    #[error("the payment provider was not reached")]
    NotReached(#[source] CallError),
    /// The provider may have charged.
    #[error("it is unknown whether the payment provider has charged")]
    Unknown(#[source] CallError),
    /// The provider has charged.
    #[error("the payment was charged, but not recorded")]
    NotRecorded(#[source] storage::Error),
}

impl From<CallError> for PayError {
    fn from(failure: CallError) -> Self {
        if failure.was_never_sent() { Self::NotReached(failure) } else { Self::Unknown(failure) }
    }
}

/// Pays for a booking, once.
///
/// # Errors
///
/// Only [`PayError::Declined`] and [`PayError::Refused`] mean that this charge does not stand.
pub async fn pay(state: &AppState, request: &PayRequest) -> Result<Outcome, PayError> {
    let charge = request.charge;
    if let Some(key) = request.key.as_deref() {
        claim(state, charge, key).await?;
    }
    let existing = find_existing(&mut read(state).await?, charge).await?;
    if let Some(payment) = existing {
        return Ok(Outcome::Existing(payment));
    }

    let reference = state.processor.reference(charge.booking_id);
    let answer = state.processor.charge(&reference, charge.price, request.token.as_ref()).await?;
    crash::point("payment.charged");

    match answer {
        ChargeAnswer::Succeeded => record(state, charge).await,
        ChargeAnswer::Declined => Err(PayError::Declined),
        ChargeAnswer::Canceled => Err(PayError::Refused(PayRefused::Voided)),
        ChargeAnswer::AmountConflict => Err(PayError::Refused(PayRefused::PriceConflict)),
    }
}

/// Finds a booking's payment. If the provider has a charge without a record, which a crash may leave, it is
/// recorded now.
///
/// # Errors
///
/// When a call or a transaction fails, so that the state of the payment stays unknown.
pub async fn inquire(state: &AppState, booking_id: BookingId) -> Result<Option<Payment>, PayError> {
    let recorded = payments::find_by_booking(&mut read(state).await?, booking_id).await;
    if let Some(payment) = recorded.map_err(TakePaymentError::from)? {
        return Ok(Some(payment));
    }
    match state.processor.find(&state.processor.reference(booking_id)).await? {
        Found::NotCharged => Ok(None),
        Found::Charged(price) => match record(state, Charge { booking_id, price }).await {
            Ok(Outcome::Created(payment) | Outcome::Existing(payment)) => Ok(Some(payment)),
            // Another request was faster; the row that it wrote decides.
            Err(PayError::Refused(_)) => {
                let recorded = payments::find_by_booking(&mut read(state).await?, booking_id).await;
                Ok(recorded.map_err(TakePaymentError::from)?)
            }
            Err(error) => Err(error),
        },
        Found::Canceled(refunded) => {
            record_canceled(state, booking_id, refunded).await.map(Some).map_err(PayError::NotRecorded)
        }
    }
}

/// Records a charge that the provider has made.
async fn record(state: &AppState, charge: Charge) -> Result<Outcome, PayError> {
    let reference = state.processor.reference(charge.booking_id);
    let recorded = async {
        let mut tx = state.db.begin().await?;
        let outcome = record_payment(&mut tx, charge, &reference).await?;
        tx.commit().await?;
        Ok(outcome)
    };
    let outcome = recorded.await.map_err(PayError::NotRecorded)?;
    crash::point("payment.taken");
    match outcome {
        Outcome::Created(payment) => Ok(Outcome::Created(payment)),
        Outcome::Existing(payment) => {
            payment.repeat(charge).map(Outcome::Existing).map_err(PayError::Refused)
        }
    }
}

/// Records that the reference is canceled at the provider, although this service did not cancel it.
async fn record_canceled(
    state: &AppState,
    booking_id: BookingId,
    refunded: Option<Price>,
) -> Result<Payment, storage::Error> {
    let reference = state.processor.reference(booking_id);
    let mut tx = state.db.begin().await?;
    begin_cancel(&mut tx, booking_id, CLAIM).await?;
    let payment = end_cancel(&mut tx, booking_id, &reference, refunded).await?;
    tx.commit().await?;
    Ok(payment)
}

/// Claims the client's key. The fleet's own keys are not stored, because `booking-<id>` is valid only for
/// that booking's payment.
async fn claim(state: &AppState, charge: Charge, key: &str) -> Result<(), TakePaymentError> {
    if charge.is_fleet_key(key) {
        return Ok(());
    }
    let mut tx = state.db.begin().await?;
    claim_key(&mut tx, charge, key).await?;
    tx.commit().await?;
    Ok(())
}

async fn read(state: &AppState) -> Result<storage::Conn, TakePaymentError> {
    Ok(state.db.read().await?)
}

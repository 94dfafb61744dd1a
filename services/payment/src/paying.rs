//! A payment in one piece: read, ask the provider, record. Nobody holds a connection while the provider works.
//!
//! A crash, a lost answer or a database that refuses leaves a charge without a record. Nothing is lost: whoever asks again,
//! for the payment or [about](inquire) it, finds the charge at the provider and records it then.

use events::{BookingId, Price};
use process::crash;
use upstream::CallError;

use crate::AppState;
use crate::app::{Outcome, TakePaymentError, begin_cancel, bind_key, end_cancel, find_taken, record_payment};
use crate::clients::{ChargeAnswer, Found};
use crate::domain::{Charge, PayRefused, Payment, PaymentToken};
use crate::refunder::CLAIM;
use crate::store::payments;

/// What is to be paid, and how.
#[derive(Clone, Debug)]
pub struct Demand {
    pub charge: Charge,
    pub token: Option<PaymentToken>,
    /// What the client calls its request.
    pub key: Option<String>,
}

/// Why a booking is not known to be paid.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    /// The provider was not asked.
    #[error(transparent)]
    NotAsked(#[from] TakePaymentError),
    #[error("the payment was declined")]
    Declined,
    #[error(transparent)]
    Refused(PayRefused),
    /// The request never reached the provider.
    #[error("the payment provider was not reached")]
    NotReached(#[source] CallError),
    /// The provider may have charged.
    #[error("whether the payment provider has charged is not known")]
    Unknown(#[source] CallError),
    /// The provider has charged.
    #[error("the payment was charged and not recorded")]
    NotRecorded(#[source] storage::Error),
}

impl From<CallError> for PayError {
    fn from(failure: CallError) -> Self {
        if failure.was_never_sent() { Self::NotReached(failure) } else { Self::Unknown(failure) }
    }
}

/// Pays a booking, once.
///
/// # Errors
///
/// Only [`PayError::Declined`] and [`PayError::Refused`] say that this booking's money is not taken.
pub async fn pay(state: &AppState, demand: &Demand) -> Result<Outcome, PayError> {
    let charge = demand.charge;
    if let Some(key) = demand.key.as_deref() {
        bind(state, charge, key).await?;
    }
    let known = find_taken(&mut read(state).await?, charge).await?;
    if let Some(payment) = known {
        return Ok(Outcome::Known(payment));
    }

    let reference = state.processor.reference(charge.booking_id);
    let answer = state.processor.charge(&reference, charge.price, demand.token.as_ref()).await?;
    crash::point("payment.charged");

    match answer {
        ChargeAnswer::Succeeded => record(state, charge).await,
        ChargeAnswer::Declined => Err(PayError::Declined),
        ChargeAnswer::Canceled => Err(PayError::Refused(PayRefused::Voided)),
        ChargeAnswer::OtherAmount => Err(PayError::Refused(PayRefused::OtherPrice)),
    }
}

/// What became of a booking's payment. A charge without a record, which a crash may leave, is recorded now.
///
/// # Errors
///
/// When that cannot be found out now.
pub async fn inquire(state: &AppState, booking_id: BookingId) -> Result<Option<Payment>, PayError> {
    let recorded = payments::find_of(&mut read(state).await?, booking_id).await;
    if let Some(payment) = recorded.map_err(TakePaymentError::from)? {
        return Ok(Some(payment));
    }
    match state.processor.find(&state.processor.reference(booking_id)).await? {
        Found::NotCharged => Ok(None),
        Found::Charged(price) => match record(state, Charge { booking_id, price }).await {
            Ok(Outcome::Created(payment) | Outcome::Known(payment)) => Ok(Some(payment)),
            // Another request was faster, and the row that it wrote is the answer.
            Err(PayError::Refused(_)) => {
                let recorded = payments::find_of(&mut read(state).await?, booking_id).await;
                Ok(recorded.map_err(TakePaymentError::from)?)
            }
            Err(error) => Err(error),
        },
        Found::Canceled(refunded) => {
            record_canceled(state, booking_id, refunded).await.map(Some).map_err(PayError::NotRecorded)
        }
    }
}

/// Records a charge that stands.
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
        Outcome::Known(payment) => payment.repeat(charge).map(Outcome::Known).map_err(PayError::Refused),
    }
}

/// Somebody else canceled the reference at the provider.
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

/// The fleet's own names need no memory: `booking-<id>` can name nothing but that booking's payment.
async fn bind(state: &AppState, charge: Charge, key: &str) -> Result<(), TakePaymentError> {
    if charge.is_named(key) {
        return Ok(());
    }
    let mut tx = state.db.begin().await?;
    bind_key(&mut tx, charge, key).await?;
    tx.commit().await?;
    Ok(())
}

async fn read(state: &AppState) -> Result<storage::Conn, TakePaymentError> {
    Ok(state.db.read().await?)
}

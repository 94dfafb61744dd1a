//! Another attempt to pay for a booking that is held.

use events::BookingId;
use storage::{Error, Tx};

use super::Rules;
use super::apply_change::apply_change;
use crate::domain::{Booking, PayRefused};
use crate::store::bookings;

/// The outcome of an attempt to begin a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The attempt has begun and is the caller's.
    Attempt(Booking),
    /// Somebody else is paying.
    InProgress(Booking),
    /// It does not wait for a payment: it is paid, or over.
    NotHeld(Booking),
    /// Its screening has begun, and it is not paid.
    Started,
}

/// Begins an attempt to pay for the booking `id`, if it waits for that. `None`: there is no such booking.
///
/// # Errors
///
/// When the database fails.
pub async fn begin_payment(tx: &mut Tx, id: BookingId, rules: &Rules) -> Result<Option<Begun>, Error> {
    let Some(booking) = bookings::find_for_update(tx, id).await? else {
        return Ok(None);
    };
    Ok(Some(match booking.clone().begin_payment(tx.now(), rules.attempt) {
        Ok(change) => Begun::Attempt(apply_change(tx, change).await?),
        Err(PayRefused::InProgress) => Begun::InProgress(booking),
        Err(PayRefused::NotHeld) => Begun::NotHeld(booking),
        Err(PayRefused::Started) => Begun::Started,
    }))
}

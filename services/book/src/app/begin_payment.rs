//! Begins another attempt to pay for a held booking.

use events::BookingId;
use storage::{Error, Tx};

use super::Rules;
use super::apply_change::apply_change;
use super::outcome::Outcome;
use crate::domain::{Booking, PayRefused};
use crate::store::bookings;

/// Whether an attempt to pay has begun.
#[derive(Debug)]
pub enum Begun {
    /// The caller's attempt has begun.
    Attempt(Booking),
    /// Another attempt is running.
    InProgress,
    /// There is nothing to pay.
    Over(Outcome),
}

/// Begins an attempt to pay for the booking `id`, if it is held.
pub async fn begin_payment(tx: &mut Tx, id: BookingId, rules: &Rules) -> Result<Begun, Error> {
    let Some(booking) = bookings::find_for_update(tx, id).await? else {
        return Ok(Begun::Over(Outcome::NotFound(id)));
    };
    Ok(match booking.clone().begin_payment(tx.now(), rules.attempt) {
        Ok(change) => Begun::Attempt(apply_change(tx, change).await?),
        Err(PayRefused::InProgress) => Begun::InProgress,
        Err(PayRefused::NotHeld) => Begun::Over(booking.into()),
        Err(PayRefused::Started) => Begun::Over(Outcome::Started),
    })
}

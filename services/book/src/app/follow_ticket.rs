//! Applies what happened to the booking's ticket, or to its money after a cancellation.

use events::BookingId;
use storage::{Error, Tx};

use super::apply_change::apply_change;
use crate::domain::{Booking, Change};
use crate::store::bookings;

/// The ticket was collected.
pub async fn collect(tx: &mut Tx, id: BookingId) -> Result<(), Error> {
    follow(tx, id, Booking::collect).await
}

/// The ticket service rejected the cancellation: the ticket was already collected.
pub async fn reject_cancel(tx: &mut Tx, id: BookingId) -> Result<(), Error> {
    follow(tx, id, Booking::reject_cancel).await
}

/// The money was refunded.
pub async fn refund(tx: &mut Tx, id: BookingId) -> Result<(), Error> {
    follow(tx, id, Booking::refund).await
}

async fn follow(tx: &mut Tx, id: BookingId, transition: fn(Booking) -> Change) -> Result<(), Error> {
    if let Some(booking) = bookings::find_for_update(tx, id).await? {
        apply_change(tx, transition(booking)).await?;
    }
    Ok(())
}

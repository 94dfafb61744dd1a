//! What became of the ticket and of the money decides what becomes of the booking.

use events::BookingId;
use storage::{Error, Tx};

use super::apply_change::apply_change;
use crate::domain::{Booking, Change};
use crate::store::bookings;

/// The ticket was collected.
///
/// # Errors
///
/// When the database fails.
pub async fn collect(tx: &mut Tx, id: BookingId) -> Result<(), Error> {
    follow(tx, id, Booking::collect).await
}

/// The ticket was collected before the cancel came.
///
/// # Errors
///
/// When the database fails.
pub async fn reject_cancel(tx: &mut Tx, id: BookingId) -> Result<(), Error> {
    follow(tx, id, Booking::reject_cancel).await
}

/// The money went back.
///
/// # Errors
///
/// When the database fails.
pub async fn refund(tx: &mut Tx, id: BookingId) -> Result<(), Error> {
    follow(tx, id, Booking::refund).await
}

async fn follow(tx: &mut Tx, id: BookingId, transition: fn(Booking) -> Change) -> Result<(), Error> {
    if let Some(booking) = bookings::find_for_update(tx, id).await? {
        apply_change(tx, transition(booking)).await?;
    }
    Ok(())
}

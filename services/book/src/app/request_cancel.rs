//! Begins a cancellation that a customer requests.

use events::BookingId;
use storage::{Error, Tx};

use super::apply_change::apply_change;
use crate::domain::{Booking, CancelRefused};
use crate::store::bookings;

/// Why a cancellation did not begin.
#[derive(Debug, thiserror::Error)]
pub enum RequestCancelError {
    #[error("there is no booking {0}")]
    NotFound(BookingId),
    #[error(transparent)]
    Refused(#[from] CancelRefused),
    #[error(transparent)]
    Storage(#[from] Error),
}

/// Begins to cancel the booking `id`. If a cancellation already runs, the ticket service is asked again after
/// a while.
///
/// # Errors
///
/// When there is no such booking, it is too late, or the database fails.
pub async fn request_cancel(tx: &mut Tx, id: BookingId) -> Result<Booking, RequestCancelError> {
    let booking = bookings::find_for_update(tx, id).await?.ok_or(RequestCancelError::NotFound(id))?;
    let before = booking.status();
    let change = booking.request_cancel(tx.now())?;
    // A request that changes nothing must not update the row: that would postpone the next `CancelRequested`.
    if change.event.is_none() && change.booking.status() == before {
        return Ok(change.booking);
    }
    Ok(apply_change(tx, change).await?)
}

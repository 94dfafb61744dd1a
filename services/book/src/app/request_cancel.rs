//! A customer wants out of a booking.

use events::BookingId;
use storage::{Error, Tx};

use super::apply_change::apply_change;
use crate::domain::{Booking, CancelRefused};
use crate::store::bookings;

/// Why a cancel did not begin.
#[derive(Debug, thiserror::Error)]
pub enum RequestCancelError {
    #[error("there is no booking {0}")]
    NotFound(BookingId),
    #[error(transparent)]
    Refused(#[from] CancelRefused),
    #[error(transparent)]
    Storage(#[from] Error),
}

/// Begins to cancel the booking `id`, or finds that it is canceled or being canceled already.
///
/// # Errors
///
/// When there is no such booking, it is too late, or the database fails.
pub async fn request_cancel(tx: &mut Tx, id: BookingId) -> Result<Booking, RequestCancelError> {
    let booking = bookings::find_for_update(tx, id).await?.ok_or(RequestCancelError::NotFound(id))?;
    Ok(apply_change(tx, booking.request_cancel()?).await?)
}

//! Step 3 of booking: what the payment service answered decides.

use events::BookingId;
use storage::{Error, Tx};

use super::apply_change::apply_change;
use crate::domain::{Booking, Status};
use crate::store::bookings;

/// How asking for the payment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentOutcome {
    /// The money is there.
    Paid,
    /// The money will not come.
    Declined,
    /// The request never reached the payment service: nobody was charged.
    NotReached,
    /// It may or may not have been paid; `Paid` will tell.
    Unknown,
}

/// Settles the booking `id`. `None`: it is gone, as nothing was kept of it.
///
/// Between opening and this, anything may have happened to the booking: `Paid` may have settled it, its customer may
/// have canceled it. So it is read anew, and the outcome is one more word that the domain weighs.
///
/// # Errors
///
/// When the database fails; the booking stays pending then, and `Paid` settles it.
pub async fn settle_booking(
    tx: &mut Tx,
    id: BookingId,
    outcome: PaymentOutcome,
) -> Result<Option<Booking>, Error> {
    let Some(booking) = bookings::find_for_update(tx, id).await? else {
        return Ok(None);
    };
    let change = match outcome {
        PaymentOutcome::Paid => booking.register(),
        PaymentOutcome::Declined => booking.decline(),
        PaymentOutcome::NotReached if booking.status() == Status::PaymentPending => {
            bookings::delete(tx, id).await?;
            return Ok(None);
        }
        PaymentOutcome::NotReached | PaymentOutcome::Unknown => return Ok(Some(booking)),
    };
    apply_change(tx, change).await.map(Some)
}

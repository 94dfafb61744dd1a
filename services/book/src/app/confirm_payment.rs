//! `Paid` has come from the payment service.

use events::Paid;
use storage::{Error, Tx};

use super::apply_change::apply_change;
use crate::domain::Status;
use crate::store::bookings;

/// Settles the booking, if the call that asked for the payment had no answer, and marks it as paid.
///
/// # Errors
///
/// When the database fails.
pub async fn confirm_payment(tx: &mut Tx, paid: &Paid) -> Result<(), Error> {
    let Some(booking) = bookings::find_for_update(tx, paid.booking_id).await? else {
        tracing::warn!("a payment for a booking that does not exist");
        return Ok(());
    };
    let due = booking.amount_due();
    let booking = apply_change(tx, booking.confirm_payment(paid.total_price)).await?;
    if booking.status() == Status::PaymentPending {
        tracing::warn!(due = due.get(), "a payment of another amount settles nothing");
    }
    Ok(())
}

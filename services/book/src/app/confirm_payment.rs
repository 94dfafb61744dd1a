//! Applies `Paid` from the payment service.

use events::Paid;
use storage::{Error, Tx};

use super::apply_change::apply_change;
use crate::domain::Status;
use crate::store::bookings;

/// Marks the booking as paid. This also settles a booking whose call to payment got no response.
pub async fn confirm_payment(tx: &mut Tx, paid: &Paid) -> Result<(), Error> {
    let Some(booking) = bookings::find_for_update(tx, paid.booking_id).await? else {
        tracing::warn!("ignored a payment for an unknown booking");
        return Ok(());
    };
    let due = booking.amount_due();
    let booking = apply_change(tx, booking.confirm_payment(paid.total_price)).await?;
    if booking.status() == Status::PaymentPending {
        tracing::warn!(due = due.get(), "the booking stays pending: another amount was paid than is due");
    }
    Ok(())
}

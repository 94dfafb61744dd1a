//! Decides a customer's request to cancel a booking.

use events::BookingId;
use storage::{Error, Tx};

use super::apply_change::apply_change;
use crate::store::tickets;

/// Voids the ticket of `booking`, unless a collection has begun, and publishes the decision. If there is no
/// ticket yet, a void row takes its place, so that a later `Booked` creates none.
pub async fn cancel_ticket(tx: &mut Tx, booking: BookingId) -> Result<(), Error> {
    let ticket = tickets::find_or_insert_void_for_update(tx, booking).await?;
    apply_change(tx, ticket.cancel()).await?;
    Ok(())
}

//! A customer wants out of a booking: here it is decided.

use events::BookingId;
use storage::{Error, Tx};

use super::apply_change::apply_change;
use crate::store::tickets;

/// Voids the ticket of `booking`, unless it is being collected or was, and tells which of the two. A cancel that comes
/// before its booking leaves the memory that no ticket is to be made.
pub async fn cancel_ticket(tx: &mut Tx, booking: BookingId) -> Result<(), Error> {
    let ticket = tickets::find_or_bar_for_update(tx, booking).await?;
    apply_change(tx, ticket.cancel()).await?;
    Ok(())
}

//! Voids the ticket of a booking that was canceled without a request to this service.

use events::BookingId;
use storage::{Error, Tx};

use super::apply_change::apply_change;
use crate::store::tickets;

/// Voids the ticket of `booking` if it is `Waiting`, and then publishes `TicketCanceled`. If there is no
/// ticket yet, a later `Booked` creates none: the original Java services publish without a key, so `Canceled`
/// may overtake `Booked`.
///
/// The money is never refunded twice. The Java book may already have requested the refund; payment refunds a
/// booking once and answers a second request with the same event, which starts no new cancel in any service.
pub async fn follow_cancel(tx: &mut Tx, booking: BookingId) -> Result<(), Error> {
    let change = match tickets::find_issued_or_void_for_update(tx, booking).await? {
        Some(ticket) => ticket.cancel_elsewhere(),
        None => tickets::find_or_insert_void_for_update(tx, booking).await?.cancel(),
    };
    if change.event.is_some() {
        apply_change(tx, change).await?;
    }
    Ok(())
}

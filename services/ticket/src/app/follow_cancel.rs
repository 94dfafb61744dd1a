//! A booking is canceled. Where that was not asked for here, the ticket follows.

use events::BookingId;
use storage::{Error, Tx};

use super::apply_change::apply_change;
use crate::store::tickets;

/// Voids the ticket of `booking` if it waits, and publishes `TicketCanceled` then. If there is none yet, no ticket is made of
/// a `Booked` that comes later: the original Java services write without a key, so a `Canceled` may overtake it.
///
/// This never refunds twice. The Java book may have had the money returned already; payment returns it once and answers a
/// second request with what it did, and no service takes that answer for a new cancel.
pub async fn follow_cancel(tx: &mut Tx, booking: BookingId) -> Result<(), Error> {
    let change = match tickets::find_or_barred_for_update(tx, booking).await? {
        Some(ticket) => ticket.cancel_elsewhere(),
        None => tickets::find_or_bar_for_update(tx, booking).await?.cancel(),
    };
    if change.event.is_some() {
        apply_change(tx, change).await?;
    }
    Ok(())
}

//! Step 3 of collecting: what the point service answered decides.

use events::TicketId;
use storage::Tx;

use super::CollectError;
use super::apply_change::apply_change;
use crate::domain::{AwardOutcome, Ticket};
use crate::store::tickets;

/// Weighs the outcome of one request for the points of the ticket `id`.
///
/// Meanwhile others may have asked too, and been answered. So the ticket is read anew, and the outcome is one more word
/// that the domain weighs.
///
/// # Errors
///
/// When the ticket is gone, or the database fails; it stays `Printing` then, and the reconciler finishes it.
pub async fn settle_collecting(
    tx: &mut Tx,
    id: TicketId,
    outcome: AwardOutcome,
) -> Result<Ticket, CollectError> {
    let ticket = tickets::find_for_update(tx, id).await?.ok_or(CollectError::NotFound(id))?;
    Ok(apply_change(tx, ticket.settle(outcome)).await?)
}

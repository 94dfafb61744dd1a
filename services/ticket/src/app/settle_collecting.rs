//! Step 3 of a collection: the outcome of the request for points decides.

use events::TicketId;
use storage::Tx;

use super::CollectError;
use super::apply_change::apply_change;
use crate::domain::{AwardOutcome, Ticket};
use crate::store::tickets;

/// Applies the outcome of one request for the points of the ticket `id`.
///
/// Other requests for the same points may have ended in the meantime. So the ticket is read again under its
/// lock, and the domain decides from its present state.
///
/// # Errors
///
/// When there is no such ticket. If the database fails, the ticket stays `Printing`, and the reconciler
/// finishes it.
pub async fn settle_collecting(
    tx: &mut Tx,
    id: TicketId,
    outcome: AwardOutcome,
) -> Result<Ticket, CollectError> {
    let ticket = tickets::find_for_update(tx, id).await?.ok_or(CollectError::NotFound(id))?;
    Ok(apply_change(tx, ticket.settle(outcome)).await?)
}

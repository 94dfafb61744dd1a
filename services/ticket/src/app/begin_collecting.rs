//! Step 1 of collecting: from here on the ticket cannot be canceled, as points are about to be asked for.

use events::TicketId;
use storage::Tx;

use super::CollectError;
use super::apply_change::apply_change;
use crate::domain::Ticket;
use crate::store::tickets;

/// Marks the ticket `id` as `Printing` and counts the request for its points; a `Printed` one stays as it is.
///
/// # Errors
///
/// When there is no such ticket, it is void, or the database fails.
pub async fn begin_collecting(tx: &mut Tx, id: TicketId) -> Result<Ticket, CollectError> {
    let ticket = tickets::find_for_update(tx, id).await?.ok_or(CollectError::NotFound(id))?;
    Ok(apply_change(tx, ticket.collect()?).await?)
}

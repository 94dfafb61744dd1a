//! Step 1 of a collection. From here on the ticket cannot be canceled, because its points may be granted.

use events::TicketId;
use storage::Tx;

use super::CollectError;
use super::apply_change::apply_change;
use crate::domain::Ticket;
use crate::store::tickets;

/// Marks the ticket `id` as `Printing` and counts the request for its points. A `Printed` ticket stays as it
/// is.
///
/// # Errors
///
/// When there is no such ticket, or it is void.
pub async fn begin_collecting(tx: &mut Tx, id: TicketId) -> Result<Ticket, CollectError> {
    let ticket = tickets::find_for_update(tx, id).await?.ok_or(CollectError::NotFound(id))?;
    Ok(apply_change(tx, ticket.collect()?).await?)
}

//! Step 1 of a collection that was interrupted. It resumes a `Printing` ticket and never begins a collection.

use events::TicketId;
use storage::{Error, Tx};

use super::apply_change::apply_change;
use crate::domain::{Status, Ticket};
use crate::store::tickets;

/// Counts one more request for the points of the ticket `id`. Returns `None` if its collection has ended
/// since the reconciler found it, by another process or by the customer.
///
/// The row is read under its lock, because the reconciler's list may be outdated. If the ticket is `Waiting`
/// again, only a customer at the cinema may collect it.
pub async fn resume_collecting(tx: &mut Tx, id: TicketId) -> Result<Option<Ticket>, Error> {
    match tickets::find_for_update(tx, id).await? {
        Some(ticket) if ticket.status() == Status::Printing => {
            apply_change(tx, ticket.request_points()).await.map(Some)
        }
        _ => Ok(None),
    }
}

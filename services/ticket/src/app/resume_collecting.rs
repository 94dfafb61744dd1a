//! Step 1 of collecting, for the reconciler: what is `Printing` may go on, nothing else is begun.

use events::TicketId;
use storage::{Error, Tx};

use super::apply_change::apply_change;
use crate::domain::{Status, Ticket};
use crate::store::tickets;

/// Counts one more request for the points of the ticket `id`. `None`: its collection has ended since it was found.
pub async fn resume_collecting(tx: &mut Tx, id: TicketId) -> Result<Option<Ticket>, Error> {
    match tickets::find_for_update(tx, id).await? {
        Some(ticket) if ticket.status() == Status::Printing => apply_change(tx, ticket.ask()).await.map(Some),
        _ => Ok(None),
    }
}

//! Stores a transition: the new state and its event, in one transaction.

use messaging::outbox;
use storage::{Error, Tx};

use crate::SERVICE;
use crate::domain::{Change, Ticket};
use crate::store::tickets;

/// Stores `change` and appends its event to the outbox, if it has one.
pub(super) async fn apply_change(tx: &mut Tx, change: Change) -> Result<Ticket, Error> {
    tickets::update(tx, &change.ticket).await?;
    if let Some(event) = change.event {
        outbox::append(tx, SERVICE, event).await?;
    }
    Ok(change.ticket)
}

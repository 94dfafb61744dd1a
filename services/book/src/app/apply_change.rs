//! Writes a transition: the new state, its event and its places, in one transaction.

use messaging::outbox;
use storage::{Error, Tx};

use crate::SERVICE;
use crate::domain::{Booking, Change};
use crate::store::{bookings, places};

/// Stores `change`, appends its event to the outbox, and releases the places that it gives up.
pub(super) async fn apply_change(tx: &mut Tx, change: Change) -> Result<Booking, Error> {
    bookings::update(tx, &change.booking).await?;
    publish(tx, change).await
}

/// The same for a change that is already stored. Its row is locked.
pub(super) async fn publish(tx: &mut Tx, change: Change) -> Result<Booking, Error> {
    if change.releases {
        places::release(tx, &change.booking).await?;
    }
    if let Some(event) = change.event {
        outbox::append(tx, SERVICE, event).await?;
    }
    Ok(change.booking)
}

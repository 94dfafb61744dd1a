//! How every transition ends: the new state, its event and its places, in one transaction.

use messaging::outbox;
use storage::{Error, Tx};

use crate::SERVICE;
use crate::domain::{Booking, Change};
use crate::store::{bookings, places};

/// Keeps `change`, sends its event, if it has one, and frees the places that it gives up.
///
/// # Errors
///
/// When the database fails.
pub(super) async fn apply_change(tx: &mut Tx, change: Change) -> Result<Booking, Error> {
    bookings::update(tx, &change.booking).await?;
    if change.releases {
        places::release(tx, &change.booking).await?;
    }
    if let Some(event) = change.event {
        outbox::append(tx, SERVICE, event).await?;
    }
    Ok(change.booking)
}

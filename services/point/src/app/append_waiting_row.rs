//! Adds the waiting row of a new ticket: its points are granted when it is collected.

use events::Created;
use messaging::outbox;
use storage::{Error, Tx};

use crate::SERVICE;
use crate::domain::{Posting, Status};
use crate::store::points;

/// Appends the waiting row and publishes `WaitedPoint`, unless the points are already granted.
pub async fn append_waiting_row(tx: &mut Tx, created: Created) -> Result<(), Error> {
    let booking_id = created.booking_id;
    // No grant may be written between this check and the row.
    tx.lock(booking_id.get()).await?;
    if points::find_by_status(tx, booking_id, Status::Pointed).await?.is_some() {
        return Ok(());
    }
    let posting = Posting::waiting(booking_id, created.customer_id, created.movie_name);
    if let Some(entry) = points::append(tx, posting).await? {
        outbox::append(tx, SERVICE, entry.event()).await?;
    }
    Ok(())
}

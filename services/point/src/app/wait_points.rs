//! There is a ticket: points wait for it to be collected.

use events::Created;
use messaging::outbox;
use storage::{Error, Tx};

use crate::SERVICE;
use crate::domain::{Posting, Status};
use crate::store::points;

/// Writes the row that waits and tells of it. When the points are granted already, nothing waits any more.
pub async fn wait_points(tx: &mut Tx, created: Created) -> Result<(), Error> {
    let booking_id = created.booking_id;
    // No grant may come between this look and the row.
    tx.lock(booking_id.get()).await?;
    if points::find_of(tx, booking_id, Status::Pointed).await?.is_some() {
        return Ok(());
    }
    let posting = Posting::waiting(booking_id, created.customer_id, created.movie_name);
    if let Some(entry) = points::append(tx, posting).await? {
        outbox::append(tx, SERVICE, entry.event()).await?;
    }
    Ok(())
}

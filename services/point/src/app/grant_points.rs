//! Grants the points of a collected ticket, once.

use messaging::outbox;
use storage::{Error, Tx};

use crate::SERVICE;
use crate::domain::{Entry, Grant, Status};
use crate::store::points;

/// The row that grants a booking's points: new, or already in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Created(Entry),
    Existing(Entry),
}

/// Grants the points and publishes `WrittenPoint`. A repeated request gets the existing row, even if its
/// fields differ.
pub async fn grant_points(tx: &mut Tx, grant: Grant) -> Result<Outcome, Error> {
    let booking_id = grant.booking_id;
    tx.lock(booking_id.get()).await?;
    let waiting = points::find_by_status(tx, booking_id, Status::Waiting).await?;
    let Some(entry) = points::append(tx, grant.posting(waiting)).await? else {
        let entry = points::get_by_status(tx, booking_id, Status::Pointed).await?;
        return Ok(Outcome::Existing(entry));
    };
    outbox::append(tx, SERVICE, entry.event()).await?;
    Ok(Outcome::Created(entry))
}

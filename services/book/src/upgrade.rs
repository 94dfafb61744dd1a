//! The work of an upgrade that SQL cannot do, between the migrations and the first request.

use service_kit::process::StartError;
use storage::Db;

use crate::app::bring_over;

/// Bookings at a time.
const BATCH: i64 = 500;

/// Gives every row of the version before its keys. When all rows have theirs, this costs one look into two empty indexes.
///
/// Replicas of the version before insert nothing any more: the database refuses their rows, as they compare spellings.
///
/// # Errors
///
/// When the database fails.
pub async fn run(db: &Db) -> Result<(), StartError> {
    let failed = |error| StartError::new("bring names into one form", error);
    let mut rows = 0;
    // Ends with the rows: each round gives keys to some of them.
    loop {
        let mut tx = db.begin().await.map_err(failed)?;
        let some = bring_over(&mut tx, BATCH).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        if some == 0 {
            break;
        }
        rows += some;
    }
    if rows > 0 {
        tracing::info!(rows, "brought names into one form");
    }
    Ok(())
}

//! The part of an upgrade that SQL cannot do. It runs between the migrations and the first request.

use process::StartError;
use storage::Db;

use crate::app::bring_over;

/// Maximum number of bookings per transaction.
const BATCH: i64 = 500;

/// Adds keys to all rows of earlier versions. If all rows have keys, this reads two empty indexes.
///
/// Replicas of an earlier version, which compare spellings, can no longer insert rows: the database refuses
/// rows without keys.
pub async fn run(db: &Db) -> Result<(), StartError> {
    let failed = |error| StartError::new("normalize names", error);
    let mut rows = 0;
    // Each round adds keys to some rows, so the loop ends.
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
        tracing::info!(rows, "normalized names");
    }
    Ok(())
}

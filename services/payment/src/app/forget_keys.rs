//! Requests are not sent again a day later: their names may go.

use std::time::Duration;

use storage::{Error, Tx};

use crate::store::idempotency_keys;

/// How long a key stands for its request.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// Keys of one transaction; nobody waits for it.
const BATCH: i64 = 1_000;

/// Forgets a batch of the keys that are old enough. How many those were.
///
/// # Errors
///
/// When the database fails.
pub async fn forget_keys(tx: &mut Tx) -> Result<u64, Error> {
    let before = tx.now() - KEPT_FOR;
    idempotency_keys::prune(tx, before, BATCH).await
}

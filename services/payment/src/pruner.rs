//! Keys that are old enough are forgotten, in batches small enough that nobody waits for them.

use std::time::Duration;

use service_kit::request_log::chain;
use storage::{Db, Error};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::app::forget_keys;

const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// Batches of one run at most; the next run takes the rest.
const BATCHES: usize = 50;

/// Prunes once a minute until `stop`.
pub async fn run(db: Db, stop: CancellationToken) {
    let mut timer = interval(PRUNE_EVERY);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! { _ = timer.tick() => {}, () = stop.cancelled() => return }
        if let Err(error) = prune(&db).await {
            tracing::warn!(cause = chain(&error), "old idempotency keys were not pruned");
        }
    }
}

/// One run.
///
/// # Errors
///
/// When the database fails; what was forgotten by then stays forgotten.
pub async fn prune(db: &Db) -> Result<(), Error> {
    for _ in 0..BATCHES {
        let mut tx = db.begin_relaxed().await?;
        let forgotten = forget_keys(&mut tx).await?;
        tx.commit().await?;
        if forgotten == 0 {
            break;
        }
    }
    Ok(())
}

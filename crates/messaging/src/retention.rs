//! Old rows of outbox and inbox go, in batches small enough that nobody waits for them.

use std::time::Duration;

use service_kit::request_log::chain;
use storage::{Db, Error, query};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Sent events are kept this long, for looking at.
const SENT_FOR: Duration = Duration::from_secs(24 * 3600);
/// Applied events are remembered this long: longer than any transport redelivers.
pub(crate) const SEEN_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
const PRUNE_EVERY: Duration = Duration::from_secs(60);
const BATCH: i64 = 1_000;
/// Batches of one run at most; the next run takes the rest.
const BATCHES: usize = 50;

/// Prunes once a minute until `stop`.
pub async fn run(db: Db, stop: CancellationToken) {
    let mut timer = interval(PRUNE_EVERY);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! { _ = timer.tick() => {}, () = stop.cancelled() => return }
        if let Err(error) = prune(&db).await {
            tracing::warn!(cause = chain(&error), "old events were not pruned");
        }
    }
}

/// Deletes what is older than its retention time.
///
/// # Errors
///
/// When the database fails; what was deleted by then stays deleted.
pub async fn prune(db: &Db) -> Result<(), Error> {
    // The oldest rows come first in `seq`, so looking at one batch of them is enough, and needs no further index.
    let sent =
        "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox ORDER BY seq LIMIT $1) AND sent_at < $2";
    let seen = "DELETE FROM inbox WHERE seen_at <= (SELECT MAX(seen_at) FROM
                    (SELECT seen_at FROM inbox ORDER BY seen_at LIMIT $1) AS oldest) AND seen_at < $2";
    for (sql, kept_for) in [(sent, SENT_FOR), (seen, SEEN_FOR)] {
        for _ in 0..BATCHES {
            let mut tx = db.begin_relaxed().await?;
            let before = tx.now() - kept_for;
            let delete = query(sql).bind(BATCH).bind(before.as_microsecond());
            let deleted = tx.execute(delete).await?;
            tx.commit().await?;
            if deleted == 0 {
                break;
            }
        }
    }
    Ok(())
}

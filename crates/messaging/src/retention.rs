//! Deleting old rows: of the outbox, the inbox, and the service's own tables with a retention time.
//!
//! A pass deletes batches until no row is due, so it keeps up with any rate of new rows. After each batch it
//! pauses for as long as the batch took, which leaves at least half of the database's time to other work.

use std::time::Duration;

use event_log::incarnation::INBOXES_REMEMBER;
use storage::{Db, Error, Prune, prune};
use telemetry::chain;
use telemetry::outage::{DATABASE, Outage};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

/// How long sent events are kept, for inspection, and to be sent again if the topic is created again.
const SENT_FOR: Duration = Duration::from_secs(24 * 3600);
/// Time between two passes.
const PASS_EVERY: Duration = Duration::from_secs(10);
/// Maximum pause after a batch.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The tables that every service has. Unsent events have no `sent_at`, so they stay.
pub const EVENTS: [Prune; 2] = [
    prune!("outbox", place: "seq", since: "sent_at", kept_for: SENT_FOR),
    prune!("inbox", place: "seen_at", since: "seen_at", kept_for: INBOXES_REMEMBER),
];

/// Prunes outbox, inbox and the service's `own` tables every ten seconds, until `stop`.
pub async fn run(db: Db, own: &'static [Prune], stop: CancellationToken) {
    let mut timer = interval(PASS_EVERY);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let outage = Outage::of(DATABASE);
    loop {
        tokio::select! { _ = timer.tick() => {}, () = stop.cancelled() => return }
        for table in EVENTS.iter().chain(own) {
            match pass(&db, table, &stop).await {
                Ok(_) => outage.succeeded(),
                Err(error) => {
                    outage.failed(format!("no old rows of {} are deleted: {}", table.table(), chain(&error)));
                }
            }
        }
    }
}

/// Makes one pass over outbox, inbox and the `own` tables.
///
/// # Errors
///
/// When the database fails. Rows that were deleted before stay deleted.
pub async fn prune(db: &Db, own: &[Prune]) -> Result<(), Error> {
    for table in EVENTS.iter().chain(own) {
        pass(db, table, &CancellationToken::new()).await?;
    }
    Ok(())
}

/// Deletes all rows of `table` that are due at the beginning of the pass, unless it is stopped, and returns
/// their number.
///
/// # Errors
///
/// As [`prune()`].
pub async fn pass(db: &Db, table: &Prune, stop: &CancellationToken) -> Result<u64, Error> {
    let due_before = table.due_before(db.now());
    let (mut after, mut deleted) = (i64::MIN, 0);
    // Each batch begins where the previous one ended, because PostgreSQL would scan the deleted rows again.
    while !stop.is_cancelled() {
        let began = Instant::now();
        let Some(batch) = table.batch(db, after, due_before).await? else { break };
        after = batch.end;
        deleted += batch.deleted;
        let pause = began.elapsed().min(LONGEST_PAUSE);
        tokio::select! { () = sleep(pause) => {}, () = stop.cancelled() => {} }
    }
    Ok(deleted)
}

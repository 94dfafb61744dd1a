//! Recovering when the event log is deleted and created again under its name.
//!
//! Each service stores in its database how the log begins, and compares it every few seconds. If the log is
//! another one:
//!
//! - The number of the incarnation increases. Consumers join their group again, and start over if the group's
//!   position belongs to an earlier incarnation, which the position records.
//! - The relay sends the rows that the outbox still holds again, before any other row. Consumers recognize
//!   applied events by their ids.
//!
//! [`event_log::incarnation`] compares two states of a log; this module stores them.

use std::convert::Infallible;
use std::time::Duration;

use event_log::incarnation::{FIRST, FirstRecord, PartitionState, Partitions, Verdict, compare};
use event_log::{Transport, TransportError};
use events::TOPIC;
use jiff::Timestamp;
use sqlx::FromRow;
use storage::{Db, Error, Tx, query, query_as};
use telemetry::chain;
use tokio::sync::watch;
use tokio::time::sleep;

/// Interval at which a consumer compares the log.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// Rows of the outbox marked in one transaction.
const RESEND_BATCH: i64 = 1_000;

/// Why the log could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error(transparent)]
    Storage(#[from] Error),
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// The stored state of a log.
struct Known {
    incarnation: i64,
    partitions: Partitions,
}

/// The incarnation of the log of `transport` that the service's database has stored.
pub async fn current(db: &Db, transport: &dyn Transport) -> Result<i64, Error> {
    let Some(log) = transport.name() else { return Ok(FIRST) };
    let find =
        query_as::<(i64,)>("SELECT incarnation FROM log_incarnations WHERE log = $1").bind(log.to_owned());
    Ok(db.read().await?.fetch_optional(find).await?.map_or(FIRST, |(incarnation,)| incarnation))
}

/// Compares the log every few seconds, and sends each incarnation to `found`.
pub(crate) async fn keep_checking(
    db: &Db,
    transport: &dyn Transport,
    consumer: &'static str,
    found: watch::Sender<i64>,
) -> Infallible {
    metrics::counter!("event_log_made_anew_total", "consumer" => consumer).absolute(0);
    loop {
        match check(db, transport, consumer).await {
            Ok(incarnation) => {
                found.send_if_modified(|known| std::mem::replace(known, incarnation) != incarnation);
            }
            // Relay and consumer need the same backends, and log the outage.
            Err(error) => tracing::debug!(cause = chain(&error), "the event log was not compared"),
        }
        sleep(CHECK_EVERY).await;
    }
}

/// Compares the log of `transport` with its stored state, stores the new state, and returns the incarnation.
///
/// # Errors
///
/// When the database or the transport fails. The next check finds the same.
pub async fn check(db: &Db, transport: &dyn Transport, consumer: &'static str) -> Result<i64, CheckError> {
    let Some(log) = transport.name() else { return Ok(FIRST) };
    // In this order: if another process stores a state in between, `store` does nothing.
    let known = known(db, log).await?;
    let seen = transport.survey(TOPIC).await?;
    match compare(&known.partitions, &seen) {
        Verdict::Same if seen.is_empty() || seen == known.partitions => Ok(known.incarnation),
        Verdict::Same => Ok(store(db, log, &known, &seen, None).await?.unwrap_or(known.incarnation)),
        Verdict::Truncated(reason) => {
            let stored = store(db, log, &known, &seen, Some(Resend { is_recreated: false })).await?;
            if stored.is_some() {
                tracing::error!(
                    reason,
                    "the event log has lost its last records; the relay resends all events that are still in the outbox"
                );
            }
            Ok(stored.unwrap_or(known.incarnation))
        }
        Verdict::Recreated(reason) => {
            let stored = store(db, log, &known, &seen, Some(Resend { is_recreated: true })).await?;
            if let Some(incarnation) = stored {
                metrics::counter!("event_log_made_anew_total", "consumer" => consumer).increment(1);
                log_loss(db, &known, incarnation, &reason).await;
                return Ok(incarnation);
            }
            Ok(current(db, transport).await?)
        }
    }
}

/// Logs which events may be lost: those of the old log that are no longer in this service's outbox.
async fn log_loss(db: &Db, known: &Known, incarnation: i64, reason: &str) {
    let oldest = oldest_held(db).await.ok().flatten();
    let of_partition = |state: &PartitionState| state.first.map_or(0, |first| state.end - first.offset);
    let records: i64 = known.partitions.values().map(of_partition).sum();
    tracing::error!(
        reason,
        incarnation,
        records_of_the_old_log = records,
        sent_again_since = oldest.map(tracing::field::display),
        "the topic of the events was deleted and created again: consumers start at its beginning, and the relay \
         resends all events that are still in the outbox. Older events and events of other programs are lost for consumers \
         that had not read them: run `marquee audit --repair`"
    );
}

/// The time of the oldest event that the outbox still holds.
async fn oldest_held(db: &Db) -> Result<Option<Timestamp>, Error> {
    let find = query_as::<(i64,)>("SELECT occurred_at FROM outbox ORDER BY seq LIMIT 1");
    let oldest = db.read().await?.fetch_optional(find).await?;
    Ok(oldest.and_then(|(at,)| Timestamp::from_microsecond(at).ok()))
}

#[derive(FromRow)]
struct PartitionRow {
    partition_id: i64,
    end_offset: i64,
    first_offset: Option<i64>,
    first_at: Option<i64>,
}

async fn known(db: &Db, log: &str) -> Result<Known, Error> {
    let mut conn = db.read().await?;
    // The number is read first: if the rest changes in between, this check stores nothing, and the next one
    // is right.
    let find =
        query_as::<(i64,)>("SELECT incarnation FROM log_incarnations WHERE log = $1").bind(log.to_owned());
    let incarnation = conn.fetch_optional(find).await?.map_or(FIRST, |(incarnation,)| incarnation);
    let find = query_as::<PartitionRow>(
        "SELECT partition_id, end_offset, first_offset, first_at FROM log_partitions WHERE log = $1",
    )
    .bind(log.to_owned());
    let mut partitions = Partitions::new();
    for row in conn.fetch_all(find).await? {
        let corrupt = || Error::corrupt("log_partitions", row.partition_id, "not a partition");
        let first = row.first_offset.zip(row.first_at).map(|(offset, at)| {
            Timestamp::from_microsecond(at).map(|appended_at| FirstRecord { offset, appended_at })
        });
        let first = first.transpose().map_err(|_| corrupt())?;
        let partition = i32::try_from(row.partition_id).map_err(|_| corrupt())?;
        partitions.insert(partition, PartitionState { end: row.end_offset, first });
    }
    Ok(Known { incarnation, partitions })
}

/// The outbox must send its events again.
struct Resend {
    /// Whether the log is another one.
    is_recreated: bool,
}

/// Stores the state `seen` and its consequences in one transaction. Returns the new incarnation, or `None` if
/// another process was faster.
async fn store(
    db: &Db,
    log: &str,
    known: &Known,
    seen: &Partitions,
    resend: Option<Resend>,
) -> Result<Option<i64>, Error> {
    let mut tx = db.begin().await?;
    let insert = query(
        "INSERT INTO log_incarnations (log, incarnation, since, resend_after, resend_through)
         VALUES ($1, $2, $3, 0, 0) ON CONFLICT DO NOTHING",
    )
    .bind(log.to_owned())
    .bind(FIRST)
    .bind(tx.now().as_microsecond());
    tx.execute(insert).await?;
    let is_recreated = resend.as_ref().is_some_and(|resend| resend.is_recreated);
    let incarnation = known.incarnation + i64::from(is_recreated);
    // Even an unchanged number locks the row against other processes until this transaction commits.
    let claim = query("UPDATE log_incarnations SET incarnation = $1 WHERE log = $2 AND incarnation = $3")
        .bind(incarnation)
        .bind(log.to_owned())
        .bind(known.incarnation);
    if tx.execute(claim).await? == 0 {
        return Ok(None);
    }
    if resend.is_some() {
        let all = query(
            "UPDATE log_incarnations SET since = $1, resend_after = 0,
                 resend_through = (SELECT COALESCE(MAX(seq), 0) FROM outbox) WHERE log = $2",
        );
        let all = all.bind(tx.now().as_microsecond()).bind(log.to_owned());
        tx.execute(all).await?;
        tx.announce_commit();
    }
    replace(&mut tx, log, seen).await?;
    tx.commit().await?;
    Ok(Some(incarnation))
}

async fn replace(tx: &mut Tx, log: &str, seen: &Partitions) -> Result<(), Error> {
    tx.execute(query("DELETE FROM log_partitions WHERE log = $1").bind(log.to_owned())).await?;
    for (partition, state) in seen {
        let insert = query(
            "INSERT INTO log_partitions (log, partition_id, end_offset, first_offset, first_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(log.to_owned())
        .bind(i64::from(*partition))
        .bind(state.end)
        .bind(state.first.map(|first| first.offset))
        .bind(state.first.map(|first| first.appended_at.as_microsecond()));
        tx.execute(insert).await?;
    }
    Ok(())
}

/// Marks the rows of the outbox that must be sent again as unsent, oldest first, and returns their number.
/// The relay does so before it sends any other row, which keeps the order.
///
/// # Errors
///
/// When the database fails. Marked rows stay marked, and the next call continues after them.
pub(crate) async fn mark_unsent(db: &Db, transport: &dyn Transport) -> Result<u64, Error> {
    let Some(log) = transport.name() else { return Ok(0) };
    let mut marked = 0;
    while let Some(batch) = mark_batch(db, log).await? {
        marked += batch;
    }
    Ok(marked)
}

/// Marks the next batch of rows and returns their number, or `None` if no row is left to mark.
///
/// # Errors
///
/// When the database fails. Then no row of the batch is marked.
pub async fn mark_batch(db: &Db, log: &str) -> Result<Option<u64>, Error> {
    let find = query_as::<(i64, i64)>(
        "SELECT resend_after, resend_through FROM log_incarnations WHERE log = $1 AND resend_after < resend_through",
    );
    let find = find.bind(log.to_owned());
    let Some((after, through)) = db.read().await?.fetch_optional(find).await? else { return Ok(None) };
    let mut tx = db.begin().await?;
    let last = query_as::<(i64,)>(
        "SELECT COALESCE(MAX(seq), $1) FROM (SELECT seq FROM outbox WHERE seq > $2 AND seq <= $3
             ORDER BY seq LIMIT $4) AS batch",
    );
    let last = last.bind(through).bind(after).bind(through).bind(RESEND_BATCH);
    let (last,) = tx.fetch_one(last).await?;
    // If the log was created again in the meantime, the marking starts over.
    let claim = query(
        "UPDATE log_incarnations SET resend_after = $1 WHERE log = $2 AND resend_after = $3 AND resend_through = $4",
    );
    let claim = claim.bind(last).bind(log.to_owned()).bind(after).bind(through);
    if tx.execute(claim).await? == 0 {
        return Ok(Some(0));
    }
    let mark = query("UPDATE outbox SET sent_at = NULL WHERE seq > $1 AND seq <= $2 AND sent_at IS NOT NULL");
    let marked = tx.execute(mark.bind(after).bind(last)).await?;
    tx.commit().await?;
    Ok(Some(marked))
}

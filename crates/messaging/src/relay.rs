//! Publishing the unsent rows of the outbox.
//!
//! The relay reads rows, publishes them, waits for the acknowledgement and marks them as sent. After a crash
//! before the mark, it publishes them twice, and the inbox of each consumer drops the second copy. It reads
//! "unsent rows in order" rather than "rows after the last one", because transactions commit out of order and
//! a late row must not be skipped.
//!
//! When several processes share a database, one of them relays, so that events are published in order.
//! Another takes over when it ends.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use event_log::{Record, Transport, TransportError, headers_from_json};
use events::{TOPIC, headers};
use process::crash;
use sqlx::FromRow;
use storage::{Db, Lead, Task, query_as, query_built};
use telemetry::chain;
use telemetry::outage::{DATABASE, EVENT_LOG, Outage};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{incarnation, spans};

/// Interval at which the relay checks whether rows must be sent again because the log has lost them.
const RESEND_EVERY: Duration = Duration::from_secs(1);
/// Rows of one batch.
const BATCH: i64 = 500;
/// Interval at which the relay reads the outbox even if no commit woke it: a crashed process may have left
/// rows.
const TIMER: Duration = Duration::from_secs(1);
/// The same if other processes write to the outbox too, because their commits do not wake this one.
const SHARED_TIMER: Duration = Duration::from_millis(100);
/// Minimum time between the beginnings of two rounds: each costs two commits, however few rows it has.
const SHORTEST_CYCLE: Duration = Duration::from_millis(50);
/// Interval at which the metrics of the outbox are updated.
const MEASURE_EVERY: Duration = Duration::from_secs(1);
/// Pause after a failure, doubled up to the longest one.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

/// The relay of one service.
#[derive(Clone, Debug)]
pub struct Relay {
    db: Db,
    transport: Arc<dyn Transport>,
}

/// Why a batch was not published.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    #[error(transparent)]
    Storage(#[from] storage::Error),
    #[error(transparent)]
    Transport(#[from] TransportError),
}

#[derive(FromRow)]
struct OutboxRow {
    seq: i64,
    aggregateid: String,
    payload: String,
    headers: String,
}

impl Relay {
    pub fn new(db: Db, transport: Arc<dyn Transport>) -> Self {
        Self { db, transport }
    }

    /// Relays until `stop`, and then makes one last attempt to send the remaining rows. Meanwhile it updates
    /// the metrics of the outbox, also while sending fails or another process relays.
    pub async fn run(self, stop: CancellationToken) {
        tokio::select! {
            () = self.relay(stop) => {}
            never = self.keep_measuring() => match never {},
        }
    }

    async fn relay(&self, stop: CancellationToken) {
        let announced = self.db.announced();
        let mut timer = interval(if self.db.is_shared() { SHARED_TIMER } else { TIMER });
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut backoff = FIRST_BACKOFF;
        // While one of them fails, events wait in the outbox.
        let (database, event_log) = (Outage::of(DATABASE), Outage::of(EVENT_LOG));
        let mut lead = None;
        let mut resend_at = Instant::now();
        while !stop.is_cancelled() {
            let next = Instant::now() + SHORTEST_CYCLE;
            match self.round(&mut lead, &mut resend_at).await {
                Ok(()) => {
                    database.succeeded();
                    event_log.succeeded();
                    backoff = FIRST_BACKOFF;
                    sleep_until(next).await;
                }
                Err(error) => {
                    match &error {
                        RelayError::Storage(error) => database.failed(chain(error)),
                        RelayError::Transport(error) => {
                            database.succeeded();
                            event_log.failed(cause(self.transport.as_ref(), error));
                        }
                    }
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                    tokio::select! { () = sleep(backoff) => {}, () = stop.cancelled() => {} }
                }
            }
            tokio::select! {
                () = announced.notified() => {}
                _ = timer.tick() => {}
                () = stop.cancelled() => {}
            }
        }
        if let Err(error) = self.round(&mut lead, &mut resend_at).await {
            tracing::warn!(cause = chain(&error), "events remain in the outbox until the next start");
        }
    }

    /// Sends all unsent rows, if this process relays or can become the one that does.
    async fn round(&self, lead: &mut Option<Lead>, resend_at: &mut Instant) -> Result<(), RelayError> {
        if let Some(held) = lead
            && !held.is_held().await
        {
            *lead = None;
        }
        if lead.is_none() {
            *lead = self.db.try_lead(Task::Relay).await?;
        }
        if lead.is_some() {
            if *resend_at <= Instant::now() {
                self.resend().await?;
                *resend_at = Instant::now() + RESEND_EVERY;
            }
            self.drain().await?;
        }
        Ok(())
    }

    /// Marks rows that the log has lost as unsent, and returns their number. See [`incarnation`].
    ///
    /// # Errors
    ///
    /// When the database fails. The next call continues where this one ended.
    pub async fn resend(&self) -> Result<u64, RelayError> {
        let marked = incarnation::mark_unsent(&self.db, self.transport.as_ref()).await?;
        if marked > 0 {
            tracing::warn!(
                events = marked,
                "resending events from the outbox, because the log has lost them"
            );
        }
        Ok(marked)
    }

    /// Sends all rows that are unsent now, and returns their number.
    ///
    /// # Errors
    ///
    /// When the database or the transport fails. Rows that were not marked will be sent, perhaps again.
    pub async fn drain(&self) -> Result<usize, RelayError> {
        let mut sent = 0;
        loop {
            let rows = self.unsent().await?;
            let is_last = rows.len() < BATCH as usize;
            sent += rows.len();
            if rows.is_empty() {
                return Ok(sent);
            }
            let seqs: Vec<i64> = rows.iter().map(|row| row.seq).collect();
            let mut records = rows.into_iter().map(record).collect::<Result<Vec<_>, _>>()?;
            crash::point("relay.read");
            let transport = self.transport.as_ref();
            let mut spans: Vec<_> =
                records.iter_mut().filter_map(|record| spans::publishing(record, transport)).collect();
            let published = transport.publish(TOPIC, &records).await;
            published.inspect_err(|error| spans::fail(&mut spans, error))?;
            drop(spans);
            count(&records);
            crash::point("relay.published");
            self.mark_sent(&seqs).await?;
            if is_last {
                return Ok(sent);
            }
        }
    }

    async fn unsent(&self) -> Result<Vec<OutboxRow>, storage::Error> {
        let find = query_as(
            "SELECT seq, aggregateid, payload, headers FROM outbox WHERE sent_at IS NULL ORDER BY seq LIMIT $1",
        )
        .bind(BATCH);
        self.db.read().await?.fetch_all(find).await
    }

    async fn mark_sent(&self, seqs: &[i64]) -> Result<(), storage::Error> {
        // If a power failure undoes the commit, the events are published twice, as after a crash before it.
        let mut tx = self.db.begin_relaxed().await?;
        let list: Vec<String> = seqs.iter().map(i64::to_string).collect();
        let mark = query_built(format!("UPDATE outbox SET sent_at = $1 WHERE seq IN ({})", list.join(",")))
            .bind(tx.now().as_microsecond());
        tx.execute(mark).await?;
        tx.commit().await
    }

    async fn keep_measuring(&self) -> Infallible {
        loop {
            self.measure().await;
            sleep(MEASURE_EVERY).await;
        }
    }

    /// Updates the metrics of the outbox. After a failure, they keep their last values.
    async fn measure(&self) {
        let count = query_as::<(i64, i64)>(
            "SELECT CAST(COUNT(*) AS BIGINT), COALESCE(MIN(occurred_at), 0) FROM outbox WHERE sent_at IS NULL",
        );
        let Ok(mut conn) = self.db.read().await else {
            return;
        };
        if let Ok((unsent, oldest)) = conn.fetch_one(count).await {
            let lag_us = if unsent == 0 { 0 } else { self.db.now().as_microsecond() - oldest };
            metrics::gauge!("outbox_unsent_events").set(unsent as f64);
            metrics::gauge!("outbox_lag_seconds").set(lag_us.max(0) as f64 / 1e6);
        }
    }
}

/// Counts the published records by the type of their event. After a crash, some are published and counted again.
fn count(records: &[Record]) {
    for record in records {
        let event_type = headers::find(&record.headers, "type").unwrap_or("unknown").to_owned();
        metrics::counter!("events_published_total", "type" => event_type).increment(1);
    }
}

/// Why `transport` failed: what it knows itself, as `/readyz` reports it, or else `error`.
pub(crate) fn cause(transport: &dyn Transport, error: &TransportError) -> String {
    transport.check().err().unwrap_or_else(|| chain(error))
}

fn record(row: OutboxRow) -> Result<Record, TransportError> {
    Ok(Record {
        key: Some(row.aggregateid),
        payload: Some(row.payload.into_bytes()),
        headers: headers_from_json(&row.headers)?,
    })
}

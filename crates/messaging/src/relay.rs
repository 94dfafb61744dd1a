//! Unsent outbox rows → transport.
//!
//! Read, send, wait for the acknowledgement, mark. A crash between send and mark sends twice; the inbox of each
//! consumer drops the second. Rows are read as "unsent, in order", never as "after the last one": transactions
//! commit out of order, and a row that appears late must not be passed over.
//!
//! Of several processes on one database one relays, so that events leave in order; another takes over when it is gone.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use event_log::{Record, Transport, TransportError, headers_from_json};
use events::TOPIC;
use jiff::Timestamp;
use process::crash;
use sqlx::FromRow;
use storage::{Db, Lead, Task, query_as, query_built};
use telemetry::chain;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::incarnation;
use crate::outage::Outage;

/// Looks this often whether rows have to be sent again, as the log was made anew.
const RESEND_TIMER: Duration = Duration::from_secs(1);
/// Rows of one batch.
const BATCH: i64 = 500;
/// Looks for rows even when nobody woke it: what a crashed process left.
const TIMER: Duration = Duration::from_secs(1);
/// The same where other processes write to the outbox too, and cannot wake this one.
const SHARED_TIMER: Duration = Duration::from_millis(100);
/// Under load, rounds begin this far apart: each costs two commits, however few rows it has.
const SHORTEST_CYCLE: Duration = Duration::from_millis(50);
/// How often it is told how much waits.
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

/// Why a batch did not go out.
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

    /// Relays until `stop`; then sends what is left, as far as that works at once. All the while it tells how much waits,
    /// also when it cannot be sent, and when it is for another process to send.
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
        let mut outage =
            Outage::new("events wait in the outbox; trying again", "events leave the outbox again");
        let mut lead = None;
        let mut resend_at = Instant::now();
        while !stop.is_cancelled() {
            let next = Instant::now() + SHORTEST_CYCLE;
            match self.round(&mut lead, &mut resend_at).await {
                Ok(()) => {
                    outage.is_over();
                    backoff = FIRST_BACKOFF;
                    sleep_until(next).await;
                }
                Err(error) => {
                    outage.goes_on(chain(&error));
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
            tracing::warn!(cause = chain(&error), "events stay in the outbox until the next start");
        }
    }

    /// Sends what is unsent, if this process is the one that relays, or can become it.
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
                *resend_at = Instant::now() + RESEND_TIMER;
            }
            self.drain().await?;
        }
        Ok(())
    }

    /// Takes the rows that the log has lost, as it was made anew, for unsent again, and returns how many those were. See
    /// [`incarnation`].
    ///
    /// # Errors
    ///
    /// When the database fails; the next call goes on where this one ended.
    pub async fn resend(&self) -> Result<u64, RelayError> {
        let marked = incarnation::mark_unsent(&self.db, self.transport.as_ref()).await?;
        if marked > 0 {
            tracing::warn!(events = marked, "events of the outbox are sent again, as the log has lost them");
        }
        Ok(marked)
    }

    /// Sends all that is unsent now, and returns how many events that were.
    ///
    /// # Errors
    ///
    /// When database or transport fail; what was not marked will be sent (again).
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
            let records = rows.into_iter().map(record).collect::<Result<Vec<_>, _>>()?;
            crash::point("relay.read");
            self.transport.publish(TOPIC, &records).await?;
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
        // Should a power cut undo it, the events go out twice, as after a crash before it.
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

    /// How much waits and for how long; a failure shows as the last known figures.
    async fn measure(&self) {
        let count = query_as::<(i64, i64)>(
            "SELECT CAST(COUNT(*) AS BIGINT), COALESCE(MIN(occurred_at), 0) FROM outbox WHERE sent_at IS NULL",
        );
        let Ok(mut conn) = self.db.read().await else {
            return;
        };
        if let Ok((unsent, oldest)) = conn.fetch_one(count).await {
            let lag_us = if unsent == 0 { 0 } else { Timestamp::now().as_microsecond() - oldest };
            metrics::gauge!("outbox_unsent_events").set(unsent as f64);
            metrics::gauge!("outbox_lag_seconds").set(lag_us.max(0) as f64 / 1e6);
        }
    }
}

fn record(row: OutboxRow) -> Result<Record, TransportError> {
    Ok(Record {
        key: Some(row.aggregateid),
        payload: Some(row.payload.into_bytes()),
        headers: headers_from_json(&row.headers)?,
    })
}

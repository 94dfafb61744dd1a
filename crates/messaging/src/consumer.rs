//! Receiving events, decoding them, asking the inbox and calling the handler, in one transaction; retries and
//! dead letters.
//!
//! The handler knows none of this: it gets each event once, with a transaction. A batch of events shares one
//! transaction, which makes a backlog much cheaper than one transaction per event.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use event_log::incarnation::FIRST;
use event_log::{Received, SeedTimeZone, Transport, TransportError, last_positions};
use events::{DecodeError, Event, TOPIC, decode, event_type, headers};
use jiff::Timestamp;
use process::crash;
use storage::{Db, Tx};
use telemetry::chain;
use telemetry::outage::{DATABASE, EVENT_LOG, Outage};
use telemetry::trace_context::TraceContext;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use crate::dead_letter::{self, DeadLetter};
use crate::inbox;
use crate::incarnation::{self, CheckError};
use crate::relay::cause;
use crate::spans;
use crate::waiters::Waiters;

/// Maximum number of records applied in one transaction.
const BATCH: usize = 200;
/// Pause before the consumer joins its group again.
const RECONNECT_AFTER: Duration = Duration::from_millis(500);
/// Pause after a transient failure, doubled up to the longest one.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

/// An event as a handler receives it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The id under which the inbox remembers the event: see [`inbox::event_id`].
    pub id: String,
    pub event: Event,
    /// When the event happened, according to its writer; otherwise, when the log appended it.
    pub at: Timestamp,
    /// The trace of the request that caused the event.
    pub trace: TraceContext,
}

impl Delivery {
    /// The fields of log lines about this event.
    fn span(&self) -> Span {
        tracing::info_span!(
            "event",
            booking_id = self.event.booking_id().get(),
            event_type = self.event.event_type(),
            trace_id = self.trace.trace_id(),
        )
    }
}

/// A handler that applies one event at a time.
pub trait Handler: Send + Sync + 'static {
    /// The events that it reads, as `eventType` spells them; the consumer skips all others.
    const READS: &'static [&'static str];

    /// Applies an event. Its writes commit together with its entry in the inbox.
    fn handle(&self, tx: &mut Tx, delivery: Delivery) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// A handler that applies a batch of events with fewer statements than one by one. Every [`Handler`] is one
/// too.
pub trait BatchHandler: Send + Sync + 'static {
    /// See [`Handler::READS`].
    const READS: &'static [&'static str];

    /// Applies a batch in its order. Its writes commit together with the entries in the inbox.
    fn handle_batch(
        &self,
        tx: &mut Tx,
        deliveries: &[Delivery],
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl<H: Handler> BatchHandler for H {
    const READS: &'static [&'static str] = H::READS;

    async fn handle_batch(&self, tx: &mut Tx, deliveries: &[Delivery]) -> Result<(), Failure> {
        for delivery in deliveries {
            let work = self.handle(tx, delivery.clone()).instrument(delivery.span());
            delivery.trace.scope(work).await?;
        }
        Ok(())
    }
}

/// Why a handler did not apply an event.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A retry may succeed, perhaps after an operator has intervened: the consumer retries, and keeps the
    /// order.
    #[error("not now")]
    Transient(#[source] Box<dyn Error + Send + Sync>),
    /// The event is at fault and no retry can apply it: it goes to the dead letters.
    #[error("rejected")]
    Rejected(#[source] Box<dyn Error + Send + Sync>),
}

impl Failure {
    pub fn rejected(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Rejected(reason.into())
    }
}

impl From<storage::Error> for Failure {
    fn from(error: storage::Error) -> Self {
        if error.is_transient() { Self::Transient(error.into()) } else { Self::Rejected(error.into()) }
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        Self::Rejected(error.into())
    }
}

/// A member of a consumer group, with the handler of its events.
#[derive(Debug)]
pub struct Consumer<H> {
    name: &'static str,
    db: Db,
    transport: Arc<dyn Transport>,
    handler: H,
    applied: watch::Sender<()>,
    waiters: Waiters,
}

impl<H: BatchHandler> Consumer<H> {
    /// `name` is the name of the consumer group, and of the consumer in the inbox.
    pub fn new(name: &'static str, db: Db, transport: Arc<dyn Transport>, handler: H) -> Self {
        metrics::counter!("dead_letters_total", "consumer" => name).absolute(0);
        set_joined(name, false);
        Self { name, db, transport, handler, applied: watch::Sender::new(()), waiters: Waiters::default() }
    }

    /// Changes after every batch that this consumer has applied.
    pub fn applied(&self) -> watch::Receiver<()> {
        self.applied.subscribe()
    }

    /// The waiters that this consumer wakes after it has applied an event of their booking.
    pub fn waiters(&self) -> Waiters {
        self.waiters.clone()
    }

    /// Consumes until `stop`, and returns between two batches.
    pub async fn run(self, stop: CancellationToken) {
        let (found, incarnation) = watch::channel(FIRST);
        let transport = self.transport.as_ref();
        tokio::select! {
            () = self.keep_consuming(&stop, incarnation) => {}
            never = incarnation::keep_checking(&self.db, transport, self.name, found) => match never {},
        }
    }

    async fn keep_consuming(&self, stop: &CancellationToken, mut incarnation: watch::Receiver<i64>) {
        let outages = Outages { database: Outage::of(DATABASE), event_log: Outage::of(EVENT_LOG) };
        while !stop.is_cancelled() {
            let outcome = self.consume(stop, &mut incarnation, &outages).await;
            set_joined(self.name, false);
            let Err(error) = outcome else { continue };
            match &error {
                CheckError::Storage(error) => outages.database.failed(chain(error)),
                CheckError::Transport(error) => {
                    outages.event_log.failed(cause(self.transport.as_ref(), error));
                }
            }
            tokio::select! { () = sleep(RECONNECT_AFTER) => {}, () = stop.cancelled() => {} }
        }
    }

    /// Consumes until `stop`, or until the log is another one and the consumer must join its group again.
    async fn consume(
        &self,
        stop: &CancellationToken,
        found: &mut watch::Receiver<i64>,
        outages: &Outages,
    ) -> Result<(), CheckError> {
        let incarnation = incarnation::current(&self.db, self.transport.as_ref()).await?;
        outages.database.succeeded();
        let mut subscription = tokio::select! {
            subscription = self.transport.subscribe_in(TOPIC, self.name, incarnation) => subscription?,
            () = stop.cancelled() => return Ok(()),
        };
        set_joined(self.name, true);
        outages.event_log.succeeded();
        loop {
            let batch = tokio::select! {
                batch = subscription.receive(BATCH) => batch?,
                () = stop.cancelled() => return Ok(()),
                _ = found.wait_for(|found| *found > incarnation) => return Ok(()),
            };
            if self.apply(&batch, stop, &outages.database).await?.is_break() {
                return Ok(());
            }
            crash::point("consumer.applied");
            for last in last_positions(&batch) {
                subscription.commit(last).await?;
            }
        }
    }

    /// Applies a batch in one transaction or, if that fails, record by record. Breaks at `stop`.
    async fn apply(
        &self,
        batch: &[Received],
        stop: &CancellationToken,
        database: &Outage,
    ) -> Result<Flow, TransportError> {
        if self.apply_together(batch).await.is_ok() {
            database.succeeded();
            return Ok(Flow::Continue(()));
        }
        for received in batch {
            if self.apply_persistently(received, stop, database).await?.is_break() {
                return Ok(Flow::Break(()));
            }
        }
        Ok(Flow::Continue(()))
    }

    /// Retries one record until it is applied or becomes a dead letter.
    async fn apply_persistently(
        &self,
        received: &Received,
        stop: &CancellationToken,
        database: &Outage,
    ) -> Result<Flow, TransportError> {
        let mut backoff = FIRST_BACKOFF;
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.apply_together(std::slice::from_ref(received)).await {
                Ok(()) => {
                    database.succeeded();
                    return Ok(Flow::Continue(()));
                }
                Err(Failure::Transient(cause)) => {
                    database.failed(chain(cause.as_ref()));
                    tokio::select! {
                        () = sleep(backoff) => {}
                        () = stop.cancelled() => return Ok(Flow::Break(())),
                    }
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                }
                Err(Failure::Rejected(cause)) => {
                    self.send_to_dead_letters(received, &chain(cause.as_ref()), attempts).await?;
                    return Ok(Flow::Continue(()));
                }
            }
        }
    }

    async fn send_to_dead_letters(
        &self,
        received: &Received,
        reason: &str,
        attempts: u32,
    ) -> Result<(), TransportError> {
        let letter = DeadLetter { consumer: self.name, reason, attempts };
        letter.publish(self.transport.as_ref(), received).await?;
        metrics::counter!("dead_letters_total", "consumer" => self.name).increment(1);
        tracing::error!(
            booking_id = received.record.key.as_ref().and_then(|key| key.parse::<i64>().ok()),
            key = received.record.key,
            offset = received.position.offset,
            reason,
            "an event was published to the dead letters"
        );
        Ok(())
    }

    /// Applies the whole `batch` in one transaction.
    ///
    /// # Errors
    ///
    /// The first failure. Then no event of the batch was applied.
    pub async fn apply_together(&self, batch: &[Received]) -> Result<(), Failure> {
        let zone = self.transport.seed_time_zone();
        let deliveries =
            batch.iter().filter_map(|received| read::<H>(self.name, &zone, received).transpose());
        let deliveries = deliveries.collect::<Result<Vec<_>, _>>()?;
        if deliveries.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        let mut new = self.first_times(&mut tx, deliveries).await?;
        let begin_span = |delivery: &mut Delivery| {
            let span = spans::processing(delivery.trace, &delivery.event, self.name, self.transport.as_ref());
            delivery.trace = span.context();
            span
        };
        let mut spans: Vec<_> = new.iter_mut().map(begin_span).collect();
        let applied = async {
            self.handler.handle_batch(&mut tx, &new).await?;
            tx.commit().await.map_err(Failure::from)
        };
        applied.await.inspect_err(|failure| spans::fail(&mut spans, failure))?;
        drop(spans);
        for delivery in &new {
            delivery.span().in_scope(|| tracing::info!("applied"));
        }
        metrics::counter!("events_applied_total", "consumer" => self.name).increment(new.len() as u64);
        self.waiters.wake(new.iter().map(|delivery| delivery.event.booking_id()));
        self.applied.send_replace(());
        Ok(())
    }

    /// Removes the events that were applied before, and duplicates.
    async fn first_times(
        &self,
        tx: &mut Tx,
        mut deliveries: Vec<Delivery>,
    ) -> Result<Vec<Delivery>, storage::Error> {
        let ids: Vec<&str> = deliveries.iter().map(|delivery| delivery.id.as_str()).collect();
        let mut new = inbox::first_times(tx, self.name, &ids).await?;
        deliveries.retain(|delivery| new.remove(&delivery.id));
        Ok(deliveries)
    }
}

/// The outages that keep a consumer from receiving or applying events.
struct Outages {
    database: Outage,
    event_log: Outage,
}

/// Sets the metric of whether the consumer has joined its group, so that it receives events.
fn set_joined(consumer: &'static str, is_joined: bool) {
    metrics::gauge!("consumer_joined", "consumer" => consumer).set(f64::from(u8::from(is_joined)));
}

/// Decodes a record; its local time, if it has one, is in `zone`. Returns `None` for an event that `H` does
/// not read, and for a record for another consumer.
///
/// # Errors
///
/// When the record is not an event, or a field has the wrong type.
pub fn read<H: BatchHandler>(
    consumer: &str,
    zone: &SeedTimeZone,
    received: &Received,
) -> Result<Option<Delivery>, DecodeError> {
    let Received { record, position, appended_at } = received;
    if !dead_letter::is_for(&record.headers, consumer) {
        return Ok(None);
    }
    let Some(payload) = &record.payload else {
        return Ok(None); // A tombstone is not an event.
    };
    if !H::READS.contains(&event_type(payload)?.as_str()) {
        return Ok(None);
    }
    let decoded = decode(payload)?;
    let header = |name| headers::find(&record.headers, name);
    let at = header("ce_time").and_then(|time| time.parse().ok());
    let at = at.or_else(|| decoded.local_time.and_then(|local| zone.moment(local)));
    Ok(decoded.event.map(|event| Delivery {
        id: inbox::event_id(&record.headers, *position, Some(*appended_at)),
        event,
        at: at.unwrap_or(*appended_at),
        trace: TraceContext::of_header(header(headers::TRACEPARENT)).unwrap_or_else(TraceContext::root),
    }))
}

type Flow = std::ops::ControlFlow<()>;

//! Transport → decode → inbox → use case, in one transaction; retries and dead letters around it.
//!
//! The handler knows none of this: it gets each event once, and a transaction to act in. A batch of events shares one
//! transaction, so that a backlog costs a fraction of what its events would cost one by one.

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
use telemetry::trace_context::TraceContext;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use crate::dead_letter::{self, DeadLetter};
use crate::inbox;
use crate::incarnation;
use crate::outage::Outage;
use crate::waiters::Waiters;

/// Records applied in one transaction at most.
const BATCH: usize = 200;
/// Pause before joining the consumer group again.
const RECONNECT_AFTER: Duration = Duration::from_millis(500);
/// Pause after a transient failure, doubled up to the longest one.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

/// An event as a handler gets it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The event's own id; where its writer gave none, as the original Java services do, its place in the topic, and when
    /// it came there.
    pub id: String,
    pub event: Event,
    /// When it happened, as its writer says; where that says nothing, when the log took it.
    pub at: Timestamp,
    /// What it is part of.
    pub trace: TraceContext,
}

impl Delivery {
    /// What log lines about it have in common.
    fn span(&self) -> Span {
        tracing::info_span!(
            "event",
            booking_id = %self.event.booking_id(),
            event_type = self.event.event_type(),
            trace_id = self.trace.trace_id(),
        )
    }
}

/// What a service does with events.
pub trait Handler: Send + Sync + 'static {
    /// The events it reads, as `eventType` spells them; all others are passed over.
    const READS: &'static [&'static str];

    /// Applies an event. What it writes commits together with the memory that the event was applied.
    fn handle(&self, tx: &mut Tx, delivery: Delivery) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Applies a batch, in its order: one event after the other, unless a service has a cheaper way.
    fn handle_all(
        &self,
        tx: &mut Tx,
        deliveries: &[Delivery],
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        async move {
            for delivery in deliveries {
                let work = self.handle(tx, delivery.clone()).instrument(delivery.span());
                delivery.trace.scope(work).await?;
            }
            Ok(())
        }
    }
}

/// Why an event was not applied.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It may work later, by itself or once an operator has mended something: the consumer waits, and keeps the order.
    #[error("not now")]
    Transient(#[source] Box<dyn Error + Send + Sync>),
    /// The event is at fault, and never can be applied: it goes to the dead letters.
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

/// A consumer group of the topic, and what it does with each event.
#[derive(Debug)]
pub struct Consumer<H> {
    name: &'static str,
    db: Db,
    transport: Arc<dyn Transport>,
    handler: H,
    applied: watch::Sender<()>,
    waiters: Waiters,
}

impl<H: Handler> Consumer<H> {
    /// `name` is the consumer group, and the consumer in the inbox.
    pub fn new(name: &'static str, db: Db, transport: Arc<dyn Transport>, handler: H) -> Self {
        metrics::counter!("dead_letters_total", "consumer" => name).absolute(0);
        joined(name, false);
        Self { name, db, transport, handler, applied: watch::Sender::new(()), waiters: Waiters::default() }
    }

    /// Changes after every batch that was applied here, whatever its bookings.
    pub fn applied(&self) -> watch::Receiver<()> {
        self.applied.subscribe()
    }

    /// Wakes the waiters for a booking after each of its events that was applied here.
    pub fn waiters(&self) -> Waiters {
        self.waiters.clone()
    }

    /// Consumes until `stop`, and ends between two batches.
    pub async fn run(self, stop: CancellationToken) {
        let (found, incarnation) = watch::channel(FIRST);
        let transport = self.transport.as_ref();
        tokio::select! {
            () = self.keep_consuming(&stop, incarnation) => {}
            never = incarnation::keep_looking(&self.db, transport, self.name, found) => match never {},
        }
    }

    async fn keep_consuming(&self, stop: &CancellationToken, mut incarnation: watch::Receiver<i64>) {
        let mut outage = Outage::new("no events can be received; trying again", "events are received again");
        while !stop.is_cancelled() {
            let outcome = self.consume(stop, &mut incarnation, &mut outage).await;
            joined(self.name, false);
            let Err(error) = outcome else { continue };
            outage.goes_on(chain(&error));
            tokio::select! { () = sleep(RECONNECT_AFTER) => {}, () = stop.cancelled() => {} }
        }
    }

    /// Until `stop`, or until the log is another one: the group is joined again then.
    async fn consume(
        &self,
        stop: &CancellationToken,
        found: &mut watch::Receiver<i64>,
        outage: &mut Outage,
    ) -> Result<(), TransportError> {
        let known = incarnation::current(&self.db, self.transport.as_ref()).await;
        let incarnation = known.map_err(TransportError::new)?;
        let mut subscription = tokio::select! {
            subscription = self.transport.subscribe_in(TOPIC, self.name, incarnation) => subscription?,
            () = stop.cancelled() => return Ok(()),
        };
        joined(self.name, true);
        outage.is_over();
        loop {
            let batch = tokio::select! {
                batch = subscription.receive(BATCH) => batch?,
                () = stop.cancelled() => return Ok(()),
                _ = found.wait_for(|found| *found > incarnation) => return Ok(()),
            };
            if self.apply(&batch, stop).await?.is_break() {
                return Ok(());
            }
            crash::point("consumer.applied");
            for last in last_positions(&batch) {
                subscription.commit(last).await?;
            }
        }
    }

    /// Applies a batch in one transaction or, when that fails, record by record. Breaks off when asked to stop.
    async fn apply(&self, batch: &[Received], stop: &CancellationToken) -> Result<Flow, TransportError> {
        if self.apply_together(batch).await.is_ok() {
            return Ok(Flow::Continue(()));
        }
        for received in batch {
            if self.apply_persistently(received, stop).await?.is_break() {
                return Ok(Flow::Break(()));
            }
        }
        Ok(Flow::Continue(()))
    }

    /// One record, until it is applied or dead-lettered.
    async fn apply_persistently(
        &self,
        received: &Received,
        stop: &CancellationToken,
    ) -> Result<Flow, TransportError> {
        let mut backoff = FIRST_BACKOFF;
        let mut attempts = 0;
        let mut outage = Outage::new("an event waits; trying again", "an event waits no longer");
        loop {
            attempts += 1;
            match self.apply_together(std::slice::from_ref(received)).await {
                Ok(()) => {
                    outage.is_over();
                    return Ok(Flow::Continue(()));
                }
                Err(Failure::Transient(cause)) => {
                    outage.goes_on(chain(cause.as_ref()));
                    tokio::select! {
                        () = sleep(backoff) => {}
                        () = stop.cancelled() => return Ok(Flow::Break(())),
                    }
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                }
                Err(Failure::Rejected(cause)) => {
                    self.put_aside(received, &chain(cause.as_ref()), attempts).await?;
                    return Ok(Flow::Continue(()));
                }
            }
        }
    }

    async fn put_aside(
        &self,
        received: &Received,
        reason: &str,
        attempts: u32,
    ) -> Result<(), TransportError> {
        let letter = DeadLetter { consumer: self.name, reason, attempts };
        letter.send(self.transport.as_ref(), received).await?;
        metrics::counter!("dead_letters_total", "consumer" => self.name).increment(1);
        tracing::error!(
            booking_id = received.record.key,
            offset = received.position.offset,
            reason,
            "an event went to the dead letters"
        );
        Ok(())
    }

    /// All of `batch` in one transaction.
    ///
    /// # Errors
    ///
    /// The first failure; nothing of the batch was applied then.
    pub async fn apply_together(&self, batch: &[Received]) -> Result<(), Failure> {
        let zone = self.transport.seed_time_zone();
        let deliveries =
            batch.iter().filter_map(|received| read::<H>(self.name, &zone, received).transpose());
        let deliveries = deliveries.collect::<Result<Vec<_>, _>>()?;
        if deliveries.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        let new = self.first_times(&mut tx, deliveries).await?;
        self.handler.handle_all(&mut tx, &new).await?;
        tx.commit().await?;
        for delivery in &new {
            delivery.span().in_scope(|| tracing::info!("applied"));
        }
        metrics::counter!("events_applied_total", "consumer" => self.name).increment(new.len() as u64);
        self.waiters.wake(new.iter().map(|delivery| delivery.event.booking_id()));
        self.applied.send_replace(());
        Ok(())
    }

    /// Those of `deliveries` that were not applied before, each once.
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

/// Whether events come: the consumer has its place in its group.
fn joined(consumer: &'static str, is_so: bool) {
    metrics::gauge!("consumer_joined", "consumer" => consumer).set(f64::from(u8::from(is_so)));
}

/// Reads a record; a local time in it is one of `zone`. `None`: it is nothing that `H` reads, or it is for another
/// consumer.
///
/// # Errors
///
/// When it is no event, or one with a field of the wrong kind.
pub fn read<H: Handler>(
    consumer: &str,
    zone: &SeedTimeZone,
    received: &Received,
) -> Result<Option<Delivery>, DecodeError> {
    let Received { record, position, appended_at } = received;
    if !dead_letter::concerns(&record.headers, consumer) {
        return Ok(None);
    }
    let Some(payload) = &record.payload else {
        return Ok(None); // A tombstone tells of nothing.
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
        trace: TraceContext::continue_from(header(headers::TRACEPARENT)),
    }))
}

type Flow = std::ops::ControlFlow<()>;

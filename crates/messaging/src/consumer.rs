//! Transport → decode → inbox → use case, in one transaction; retries and dead letters around it.
//!
//! The handler knows none of this: it gets an event once, and a transaction to act in.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use events::{DecodeError, Event, TOPIC, decode, event_type, headers};
use jiff::Timestamp;
use service_kit::request_log::chain;
use service_kit::trace_context::TraceContext;
use storage::{Db, Tx};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::dead_letter::DeadLetter;
use crate::inbox;
use crate::transport::{Received, Subscription, Transport, TransportError};

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
    pub event: Event,
    /// When it happened, as its writer says.
    pub at: Timestamp,
}

/// What a service does with events.
pub trait Handler: Send + Sync + 'static {
    /// The events it reads, as `eventType` spells them; all others are passed over.
    const READS: &'static [&'static str];

    /// Applies an event. What it writes commits together with the memory that the event was applied.
    fn handle(&self, tx: &mut Tx, delivery: Delivery) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Why an event was not applied.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It may work later: wait, and keep the order.
    #[error("not now")]
    Transient(#[source] Box<dyn Error + Send + Sync>),
    /// It never will: to the dead letters.
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
}

impl<H: Handler> Consumer<H> {
    /// `name` is the consumer group, and the consumer in the inbox.
    pub fn new(name: &'static str, db: Db, transport: Arc<dyn Transport>, handler: H) -> Self {
        metrics::counter!("dead_letters_total", "consumer" => name).absolute(0);
        Self { name, db, transport, handler, applied: watch::Sender::new(()) }
    }

    /// Changes after every commit: for who waits until an event has had its effect.
    pub fn applied(&self) -> watch::Receiver<()> {
        self.applied.subscribe()
    }

    /// Consumes until `stop`, and ends between two batches.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let Err(error) = self.consume(&stop).await else {
                break;
            };
            tracing::warn!(cause = chain(&error), "the event log is away; trying again");
            tokio::select! { () = sleep(RECONNECT_AFTER) => {}, () = stop.cancelled() => {} }
        }
    }

    async fn consume(&self, stop: &CancellationToken) -> Result<(), TransportError> {
        let mut subscription = self.transport.subscribe(TOPIC, self.name).await?;
        while let Some(batch) = next(subscription.as_mut(), stop).await? {
            if self.apply(&batch, stop).await?.is_break() {
                break;
            }
            if let Some(last) = batch.last() {
                subscription.commit(last.position).await?;
            }
        }
        Ok(())
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
        loop {
            attempts += 1;
            match self.apply_together(std::slice::from_ref(received)).await {
                Ok(()) => return Ok(Flow::Continue(())),
                Err(Failure::Transient(cause)) => {
                    tracing::warn!(cause = chain(cause.as_ref()), "an event waits; trying again");
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
        let events = batch.iter().filter_map(|received| read::<H>(received).transpose());
        let events = events.collect::<Result<Vec<_>, _>>()?;
        if events.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        for event in &events {
            self.apply_one(&mut tx, event).await?;
        }
        tx.commit().await?;
        metrics::counter!("events_applied_total", "consumer" => self.name).increment(events.len() as u64);
        self.applied.send_replace(());
        Ok(())
    }

    async fn apply_one(&self, tx: &mut Tx, incoming: &Incoming) -> Result<(), Failure> {
        if !inbox::first_time(tx, self.name, &incoming.id).await? {
            return Ok(());
        }
        let event = incoming.event.clone();
        let at = incoming.at.unwrap_or_else(|| tx.now());
        let span = tracing::info_span!(
            "event",
            booking_id = %event.booking_id(),
            event_type = event.event_type(),
            trace_id = incoming.trace.trace_id(),
        );
        let work = async {
            self.handler.handle(tx, Delivery { event, at }).await?;
            tracing::info!("applied");
            Ok(())
        };
        incoming.trace.scope(work.instrument(span)).await
    }
}

/// A record as the inbox and the handler need it.
struct Incoming {
    /// The event's own id; where its writer gave none, as the original Java services do, its place in the topic.
    id: String,
    event: Event,
    at: Option<Timestamp>,
    trace: TraceContext,
}

/// Reads a record. `None`: it is nothing that `H` reads.
fn read<H: Handler>(received: &Received) -> Result<Option<Incoming>, DecodeError> {
    let Received { record, position } = received;
    let Some(payload) = &record.payload else {
        return Ok(None); // A tombstone tells of nothing.
    };
    if !H::READS.contains(&event_type(payload)?.as_str()) {
        return Ok(None);
    }
    let decoded = decode(payload)?;
    let header = |name| headers::find(&record.headers, name);
    Ok(decoded.event.map(|event| Incoming {
        id: header(headers::ID)
            .map_or_else(|| format!("{TOPIC}/{}/{}", position.partition, position.offset), str::to_owned),
        event,
        at: header("ce_time").and_then(|time| time.parse().ok()).or(decoded.at),
        trace: TraceContext::continue_from(header(headers::TRACEPARENT)),
    }))
}

type Flow = std::ops::ControlFlow<()>;

/// The next batch; `None` when asked to stop.
async fn next(
    subscription: &mut dyn Subscription,
    stop: &CancellationToken,
) -> Result<Option<Vec<Received>>, TransportError> {
    tokio::select! {
        batch = subscription.receive(BATCH) => batch.map(Some),
        () = stop.cancelled() => Ok(None),
    }
}

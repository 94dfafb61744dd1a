//! An event log whose history pauses after a few records, until the test opens it.

use std::pin::Pin;
use std::sync::Arc;

use event_log::{History, Received, Record, Subscription, Transport, TransportError};
use tokio::sync::Notify;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The number of records before the gate.
const BEFORE: usize = 5;

#[derive(Clone, Debug)]
pub struct Gated {
    inner: Arc<dyn Transport>,
    gate: Arc<Gate>,
    is_whole: bool,
}

#[derive(Debug, Default)]
struct Gate {
    reached: Notify,
    opened: Notify,
}

impl Gated {
    pub fn new(inner: &Arc<dyn Transport>) -> Self {
        Self { inner: inner.clone(), gate: Arc::default(), is_whole: true }
    }

    /// A log that has lost its oldest records. It does not pause.
    pub fn truncated(inner: &Arc<dyn Transport>) -> Self {
        let log = Self { is_whole: false, ..Self::new(inner) };
        log.open();
        log
    }

    /// Waits until a reader has reached the gate.
    pub async fn reached(&self) {
        self.gate.reached.notified().await;
    }

    pub fn open(&self) {
        self.gate.opened.notify_one();
    }
}

impl Transport for Gated {
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        records: &'a [Record],
    ) -> BoxFuture<'a, Result<(), TransportError>> {
        self.inner.publish(topic, records)
    }

    fn subscribe_in<'a>(
        &'a self,
        topic: &'a str,
        group: &'a str,
        incarnation: i64,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, TransportError>> {
        self.inner.subscribe_in(topic, group, incarnation)
    }

    fn history<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<Box<dyn History>, TransportError>> {
        Box::pin(async move {
            let inner = self.inner.history(topic).await?;
            let history =
                GatedHistory { inner, gate: self.gate.clone(), is_whole: self.is_whole, batches: 0 };
            Ok(Box::new(history) as Box<dyn History>)
        })
    }
}

struct GatedHistory {
    inner: Box<dyn History>,
    gate: Arc<Gate>,
    is_whole: bool,
    batches: usize,
}

impl History for GatedHistory {
    fn total(&self) -> u64 {
        self.inner.total()
    }

    fn is_whole(&self) -> bool {
        self.is_whole
    }

    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Received>, TransportError>> {
        Box::pin(async move {
            self.batches += 1;
            if self.batches == 1 {
                return self.inner.next(BEFORE).await;
            }
            if self.batches == 2 {
                self.gate.reached.notify_one();
                self.gate.opened.notified().await;
            }
            self.inner.next(max).await
        })
    }
}

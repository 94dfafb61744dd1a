//! Apache Kafka: the transport of a fleet whose processes are on several machines.
//!
//! Plaintext only: neither TLS nor SASL. A broker that is away is waited for, not reported when connecting: a service
//! starts and answers without it, its events wait in the outbox, and its consumers try again.
//!
//! - `producer`: acknowledged by all in-sync replicas, in order, or reported as failed.
//! - `group`: a member of a consumer group, which hands out one partition at a time.
//! - `topics`: made when they are missing.
//! - `telemetry`: what librdkafka says of itself, as log lines and metrics.

mod group;
mod producer;
mod telemetry;
mod topics;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use events::{DEAD_LETTER_TOPIC, TOPIC};
use futures_util::future::BoxFuture;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::transport::{KafkaUrl, Record, Subscription, Transport, TransportError};
use group::Membership;
use producer::Producer;

/// A process that ends waits for its clients no longer than this.
const LONGEST_CLOSE: Duration = Duration::from_secs(5);

/// The topics of one cluster.
pub struct KafkaLog {
    url: KafkaUrl,
    partitions: u16,
    producer: Producer,
    /// Those known to be there. Held while topics are made, so that it is done once.
    topics: Mutex<BTreeSet<String>>,
}

impl fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaLog").field("url", &self.url).finish_non_exhaustive()
    }
}

impl KafkaLog {
    /// Prepares for the cluster of `url`, without a word to its brokers. Events are spread over `partitions` if it is
    /// this log that makes their topic.
    ///
    /// # Errors
    ///
    /// When librdkafka refuses the configuration.
    pub fn new(url: &KafkaUrl, partitions: u16) -> Result<Self, TransportError> {
        Ok(Self {
            url: url.clone(),
            partitions,
            producer: Producer::new(config(url))?,
            topics: Mutex::default(),
        })
    }

    /// What `topic` is called in the cluster: the URL names the topic of the events, and all others are beside it, so
    /// that several fleets can share a cluster.
    fn name(&self, topic: &str) -> String {
        match topic {
            TOPIC => self.url.topic.clone(),
            DEAD_LETTER_TOPIC => format!("{}.dlq", self.url.topic),
            other => format!("{}.{other}", self.url.topic),
        }
    }

    /// Makes the topics that are missing. The one of the dead letters comes with the first, and not when it is needed:
    /// a broker that forbids it is to be known on the first day.
    async fn ensure(&self, topic: &str) -> Result<String, TransportError> {
        let name = self.name(topic);
        let mut known = self.topics.lock().await;
        if !known.contains(&name) {
            let dead_letters = self.name(DEAD_LETTER_TOPIC);
            let mut wanted = vec![(self.name(TOPIC), self.partitions), (dead_letters, 1)];
            if !wanted.iter().any(|(other, _)| *other == name) {
                wanted.push((name.clone(), self.partitions));
            }
            wanted.retain(|(name, _)| !known.contains(name));
            topics::create(&config(&self.url), &wanted).await?;
            known.extend(wanted.into_iter().map(|(name, _)| name));
        }
        Ok(name)
    }
}

impl Transport for KafkaLog {
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        records: &'a [Record],
    ) -> BoxFuture<'a, Result<(), TransportError>> {
        Box::pin(async move {
            let topic = self.ensure(topic).await?;
            self.producer.publish(&topic, records).await
        })
    }

    fn subscribe<'a>(
        &'a self,
        topic: &'a str,
        group: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, TransportError>> {
        Box::pin(async move {
            let topic = self.ensure(topic).await?;
            let membership = Membership::join(config(&self.url), topic, group)?;
            Ok(Box::new(membership) as Box<dyn Subscription>)
        })
    }
}

/// What all clients have in common.
fn config(url: &KafkaUrl) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", url.brokers.join(","))
        .set("socket.keepalive.enable", "true")
        // A broker that takes requests and never answers is given up after this, and not after a minute.
        .set("socket.timeout.ms", "10000")
        // A broker that comes back is found within seconds …
        .set("reconnect.backoff.max.ms", "2000")
        // … and so is a topic that was made a moment ago, or got more partitions.
        .set("topic.metadata.refresh.interval.ms", "10000")
        .set("statistics.interval.ms", "10000")
        .set_log_level(RDKafkaLogLevel::Info);
    config
}

/// A client of librdkafka. To drop one waits for the broker, so that is done off the async threads. The runtime does not
/// end before it is done, as the last positions are committed in there; but it does not wait for a broker that is away.
struct Client<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> Client<T> {
    fn new(client: T) -> Self {
        Self(Some(client))
    }
}

impl<T: Send + 'static> Deref for Client<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<T: Send + 'static> Drop for Client<T> {
    fn drop(&mut self) {
        let client = self.0.take();
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn_blocking(move || {
                let (done, closed) = mpsc::channel::<()>();
                thread::spawn(move || {
                    drop(client);
                    drop(done);
                });
                // Either error will do: closed, or late.
                let _ = closed.recv_timeout(LONGEST_CLOSE);
            });
        }
    }
}

//! Apache Kafka: the transport of a fleet whose processes are on several machines.
//!
//! A broker that is away is waited for, not reported when connecting: a service starts and answers without it, its events
//! wait in the outbox, and its consumers try again.
//!
//! - `security`: TLS and SASL, by the settings that users of Kafka know.
//! - `producer`: acknowledged by all in-sync replicas, in order, or reported as failed.
//! - `group`: a member of a consumer group, which hands out what has come to all of its partitions.
//! - `queues`: what it has received and not handed out yet.
//! - `pulse`: whether that member gets anywhere.
//! - `resume`: where a member begins, once the topic was made anew.
//! - `survey`: how a topic begins and where it ends.
//! - `history`: a topic from its first record to its last, apart from every group.
//! - `topics`: made when they are missing.
//! - `condition`: whether records can flow, told once when it changes.
//! - `telemetry`: what librdkafka says of itself, as that condition, log lines and metrics.

mod condition;
mod group;
mod history;
mod producer;
mod pulse;
mod queues;
mod resume;
mod security;
mod survey;
mod telemetry;
mod topics;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use events::{DEAD_LETTER_TOPIC, TOPIC};
use futures_util::future::BoxFuture;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::incarnation::{self, Partitions};
use crate::seed_time::SeedTimeZone;
use crate::transport::{EventsUrl, History, KafkaUrl, Record, Subscription, Transport, TransportError};
use condition::{Aspect, Condition, Fault};
use group::Membership;
use history::Snapshot;
use producer::Producer;
use survey::Surveyor;

pub use security::{InvalidSetting, KafkaSecurity, SaslMechanism, Secret, SecurityProtocol};

/// A process that ends waits for its clients no longer than this.
const LONGEST_CLOSE: Duration = Duration::from_secs(5);

/// Where the brokers are, and how to speak to them.
#[derive(Clone, Debug)]
pub struct KafkaConnection {
    pub url: KafkaUrl,
    /// The name by which a group knows this process again after a restart, if it has one (KIP-345).
    pub group_instance_id: Option<String>,
    pub security: KafkaSecurity,
}

/// The topics of one cluster.
pub struct KafkaLog {
    connection: KafkaConnection,
    /// Its URL.
    url: String,
    partitions: u16,
    seed_time_zone: SeedTimeZone,
    condition: Arc<Condition>,
    producer: Producer,
    surveyor: Surveyor,
    /// Those known to be there. Held while topics are made, so that it is done once.
    topics: Mutex<BTreeSet<String>>,
}

impl fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaLog").field("url", &self.connection.url).finish_non_exhaustive()
    }
}

impl KafkaLog {
    /// Prepares for a cluster, without waiting for its brokers. Events are spread over `partitions` if it is this log that
    /// makes their topic.
    ///
    /// # Errors
    ///
    /// When the settings make no sense, to us or to librdkafka.
    pub fn new(
        connection: KafkaConnection,
        partitions: u16,
        seed_time_zone: SeedTimeZone,
    ) -> Result<Self, TransportError> {
        connection.security.check().map_err(TransportError::new)?;
        let condition = Arc::<Condition>::default();
        condition.fails(producer::CLIENT, Aspect::Connection, Fault::pending("no broker has answered yet"));
        let producer = Producer::new(&connection, condition.clone())?;
        let url = EventsUrl::Kafka(connection.url.clone()).to_string();
        let surveyor = Surveyor::new(&connection);
        let topics = Mutex::default();
        Ok(Self { connection, url, partitions, seed_time_zone, condition, producer, surveyor, topics })
    }

    /// What `topic` is called in the cluster: the URL names the topic of the events, and all others are beside it, so
    /// that several fleets can share a cluster.
    fn name(&self, topic: &str) -> String {
        match topic {
            TOPIC => self.connection.url.topic.clone(),
            DEAD_LETTER_TOPIC => format!("{}.dlq", self.connection.url.topic),
            other => format!("{}.{other}", self.connection.url.topic),
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
            topics::create(&self.connection, &self.condition, &wanted).await?;
            self.condition.works(producer::CLIENT, Aspect::Connection);
            known.extend(wanted.into_iter().map(|(name, _)| name));
        }
        Ok(name)
    }
}

impl Transport for KafkaLog {
    fn seed_time_zone(&self) -> SeedTimeZone {
        self.seed_time_zone.clone()
    }

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
        self.subscribe_in(topic, group, incarnation::FIRST)
    }

    fn subscribe_in<'a>(
        &'a self,
        topic: &'a str,
        group: &'a str,
        incarnation: i64,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, TransportError>> {
        Box::pin(async move {
            let pending = format!("consumer group {group} has not been joined yet");
            self.condition.fails(group, Aspect::Membership, Fault::pending(pending));
            let topic = self.ensure(topic).await?;
            let condition = self.condition.clone();
            let joining = Membership::join(&self.connection, condition, topic, group, incarnation);
            let membership = joining.await?;
            Ok(Box::new(membership) as Box<dyn Subscription>)
        })
    }

    /// Makes nothing: to look at a topic is not to use it.
    fn history<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<Box<dyn History>, TransportError>> {
        Box::pin(async move {
            let snapshot = Snapshot::take(&self.connection, self.name(topic)).await?;
            Ok(Box::new(snapshot) as Box<dyn History>)
        })
    }

    fn name(&self) -> Option<&str> {
        Some(&self.url)
    }

    fn survey<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<Partitions, TransportError>> {
        Box::pin(async move {
            let name = self.name(topic);
            let partitions = self.surveyor.survey(&name).await?;
            if !partitions.is_empty() {
                self.condition.works(survey::CLIENT, Aspect::Topic);
            } else if self.topics.lock().await.contains(&name) {
                self.condition.fails(survey::CLIENT, Aspect::Topic, Fault::missing(&name));
            }
            Ok(partitions)
        })
    }

    fn check(&self) -> Result<(), String> {
        self.condition.check()
    }
}

/// What all clients have in common.
fn config(connection: &KafkaConnection) -> ClientConfig {
    let mut config = ClientConfig::new();
    connection.security.apply(&mut config);
    config
        .set("bootstrap.servers", connection.url.brokers.join(","))
        .set("socket.keepalive.enable", "true")
        // A broker that takes requests and never answers is given up after this, and not after a minute.
        .set("socket.timeout.ms", "10000")
        // A broker that comes back is found within seconds …
        .set("reconnect.backoff.max.ms", "2000")
        // … and so is a topic that was made a moment ago, or got more partitions.
        .set("topic.metadata.refresh.interval.ms", "10000")
        // They also tell that a broker is back.
        .set("statistics.interval.ms", "5000")
        .set_log_level(RDKafkaLogLevel::Info);
    config
}

/// A client of librdkafka. To drop one waits for the broker, so that is done off the async threads. The runtime does not
/// end before it is done, as the last positions are committed in there; but it does not wait for a broker that is away.
///
/// A consumer that had positions under way when it lost all its brokers for good (see `pulse`) waits for them in there as
/// long as the process lives, with its threads: the crate rdkafka has no call that ends it.
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

//! The topics of one cluster as a transport.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use event_log::incarnation::Partitions;
use event_log::{History, Record, SeedTimeZone, Subscription, Transport, TransportError};
use events::{DEAD_LETTER_TOPIC, TOPIC};
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use crate::client::KafkaConnection;
use crate::condition::{Aspect, Condition, Fault};
use crate::group::Membership;
use crate::history::Snapshot;
use crate::producer::{self, Producer};
use crate::survey::{self, Surveyor};
use crate::topics;

/// The topics of one cluster.
pub struct KafkaLog {
    connection: KafkaConnection,
    url: String,
    partitions: u16,
    seed_time_zone: SeedTimeZone,
    condition: Arc<Condition>,
    producer: Producer,
    surveyor: Surveyor,
    /// The topics that this process has found or created, and whether each was surveyed since. Locked during
    /// their creation, so that it happens once.
    topics: Mutex<BTreeMap<String, bool>>,
}

impl fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaLog").field("url", &self.connection.url).finish_non_exhaustive()
    }
}

impl KafkaLog {
    /// Prepares the clients without waiting for the brokers. Missing topics are created with `partitions`.
    ///
    /// # Errors
    ///
    /// When a setting is invalid.
    pub fn new(
        connection: KafkaConnection,
        partitions: u16,
        seed_time_zone: SeedTimeZone,
    ) -> Result<Self, TransportError> {
        connection.security.check().map_err(TransportError::new)?;
        let condition = Arc::<Condition>::default();
        condition.fails(producer::CLIENT, Aspect::Connection, Fault::pending("no broker has responded yet"));
        let producer = Producer::new(&connection, condition.clone())?;
        let url = connection.url.to_string();
        let surveyor = Surveyor::new(&connection);
        let topics = Mutex::default();
        Ok(Self { connection, url, partitions, seed_time_zone, condition, producer, surveyor, topics })
    }

    /// The name of `topic` in the cluster. The URL names the topic of the events, and all other names begin
    /// with it, so that several fleets can share a cluster.
    fn name(&self, topic: &str) -> String {
        match topic {
            TOPIC => self.connection.url.topic.clone(),
            DEAD_LETTER_TOPIC => format!("{}.dlq", self.connection.url.topic),
            other => format!("{}.{other}", self.connection.url.topic),
        }
    }

    /// Creates missing topics, and returns the name of `topic`. The topic of the dead letters is created
    /// along with the first topic, so that a missing permission is reported at the first start.
    async fn ensure(&self, topic: &str) -> Result<String, TransportError> {
        let name = self.name(topic);
        let mut known = self.topics.lock().await;
        if !known.contains_key(&name) {
            let dead_letters = self.name(DEAD_LETTER_TOPIC);
            let mut wanted = vec![(self.name(TOPIC), self.partitions), (dead_letters, 1)];
            if !wanted.iter().any(|(other, _)| *other == name) {
                wanted.push((name.clone(), self.partitions));
            }
            wanted.retain(|(name, _)| !known.contains_key(name));
            topics::create(&self.connection, &self.condition, &wanted).await?;
            self.condition.works(producer::CLIENT, Aspect::Connection);
            known.extend(wanted.into_iter().map(|(name, _)| (name, false)));
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
            let membership = Membership::join(&self.connection, condition, topic, group, incarnation).await?;
            Ok(Box::new(membership) as Box<dyn Subscription>)
        })
    }

    /// Reads `topic` without creating it.
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
            let mut known = self.topics.lock().await;
            let surveyed = known.get_mut(&name).map(|surveyed| std::mem::replace(surveyed, true));
            if !partitions.is_empty() {
                self.condition.works(survey::CLIENT, Aspect::Topic);
            } else if let Some(surveyed) = surveyed {
                self.condition.fails(survey::CLIENT, Aspect::Topic, Fault::unknown_topic(&name, !surveyed));
            }
            Ok(partitions)
        })
    }

    fn check(&self) -> Result<(), String> {
        self.condition.check()
    }
}

//! Publishing records: each is acknowledged, in order, or reported as failed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event_log::{Record, TransportError};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _, PurgeConfig};
use tokio::time::{sleep, timeout};

use crate::client::{Client, KafkaConnection, config};
use crate::condition::{Aspect, Condition, write_permission};
use crate::telemetry::Telemetry;

/// Maximum wait for the acknowledgement of a batch.
const DEADLINE: Duration = Duration::from_secs(10);
/// Pause while the queue of librdkafka is full.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(5);

/// The name of this client in log lines and metrics.
pub const CLIENT: &str = "producer";

type Sender = Client<FutureProducer<Telemetry>>;

/// Publishes batches, with a new client of librdkafka after each failure.
///
/// After a record has failed, no later record of its key may be published: the relay publishes both again,
/// and consumers would see the later one first. So a failure purges the queue, and the next batch uses a new
/// client. Records that the old client had in flight may still arrive, but only after all records before
/// them. So the records that are new to a consumer are in order, and the inbox drops the others.
pub struct Producer {
    config: ClientConfig,
    connection: KafkaConnection,
    condition: Arc<Condition>,
    sender: Mutex<Option<Arc<Sender>>>,
}

impl Producer {
    pub fn new(connection: &KafkaConnection, condition: Arc<Condition>) -> Result<Self, TransportError> {
        let mut config = config(connection);
        config
            .set("client.id", CLIENT)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            // The partitioner of Java clients, so that all writers of the topic agree on partitions.
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "2")
            .set("compression.type", "lz4")
            // Never reached: it would fail single records and leave gaps. `DEADLINE` fails the whole rest.
            .set("message.timeout.ms", "60000");
        let connection = connection.clone();
        let producer = Self { config, connection, condition, sender: Mutex::default() };
        producer.sender()?;
        Ok(producer)
    }

    /// Publishes `records` to `topic`.
    ///
    /// # Errors
    ///
    /// When a record is not acknowledged in time. Any of them may have been published.
    pub async fn publish(&self, topic: &str, records: &[Record]) -> Result<(), TransportError> {
        let sender = self.sender()?;
        let failure = match timeout(DEADLINE, send(&sender, topic, records)).await {
            Ok(Ok(())) => {
                self.condition.works(CLIENT, Aspect::Connection);
                self.condition.works(CLIENT, Aspect::Permission);
                return Ok(());
            }
            Ok(Err(error)) => self.failed(&sender, topic, error),
            Err(_elapsed) => TransportError::new(format!("no acknowledgement within {DEADLINE:?}")),
        };
        self.discard(sender).await;
        Err(failure)
    }

    fn sender(&self) -> Result<Arc<Sender>, TransportError> {
        let mut slot = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = &*slot {
            return Ok(sender.clone());
        }
        let context = Telemetry::new(CLIENT, &self.connection, self.condition.clone());
        let sender = self.config.create_with_context(context).map_err(TransportError::new)?;
        Ok(slot.insert(Arc::new(Client::new(sender))).clone())
    }

    fn failed(&self, sender: &Sender, topic: &str, error: KafkaError) -> TransportError {
        use RDKafkaErrorCode::{ClusterAuthorizationFailed, TopicAuthorizationFailed};
        // After a fatal error, each call reports only that there was one.
        let fatal = sender.client().fatal_error().map(|(code, _)| code);
        match fatal.or(error.rdkafka_error_code()) {
            Some(TopicAuthorizationFailed | ClusterAuthorizationFailed) => {
                let user = self.connection.security.user();
                TransportError::new(self.condition.forbidden(CLIENT, user, &write_permission(topic)))
            }
            _ => TransportError::new(error),
        }
    }

    /// Purges `failed`, and returns when it can send no more records. Concurrent calls that use it fail too.
    async fn discard(&self, failed: Arc<Sender>) {
        {
            let mut slot = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
            slot.take_if(|sender| Arc::ptr_eq(sender, &failed));
        }
        let purge = move || failed.purge(PurgeConfig::default().queue().inflight());
        if tokio::task::spawn_blocking(purge).await.is_err() {
            tracing::warn!("the queue of a failed producer was not purged");
        }
    }
}

async fn send(sender: &Sender, topic: &str, records: &[Record]) -> Result<(), KafkaError> {
    let mut deliveries = Vec::with_capacity(records.len());
    for record in records {
        let mut outgoing = outgoing(topic, record);
        let delivery = loop {
            match sender.send_result(outgoing) {
                Ok(delivery) => break delivery,
                Err((error, returned)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    outgoing = returned;
                    sleep(QUEUE_FULL_PAUSE).await;
                }
                Err((error, _)) => return Err(error),
            }
        };
        deliveries.push(delivery);
    }
    for delivery in deliveries {
        match delivery.await {
            Ok(Ok(_acknowledged)) => {}
            Ok(Err((error, _))) => return Err(error),
            Err(_dropped) => return Err(KafkaError::Canceled),
        }
    }
    Ok(())
}

fn outgoing<'a>(topic: &'a str, record: &'a Record) -> FutureRecord<'a, str, [u8]> {
    let mut outgoing = FutureRecord::to(topic);
    outgoing.key = record.key.as_deref();
    outgoing.payload = record.payload.as_deref();
    outgoing.headers = (!record.headers.is_empty()).then(|| headers(record));
    outgoing
}

fn headers(record: &Record) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(record.headers.len());
    record
        .headers
        .iter()
        .fold(empty, |headers, (key, value)| headers.insert(Header { key, value: Some(value.as_str()) }))
}

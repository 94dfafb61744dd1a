//! How a topic begins and where it ends, which tells whether it is still the same one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use event_log::TransportError;
use event_log::incarnation::{FirstRecord, PartitionState, Partitions};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use crate::client::{Client, KafkaConnection, config};
use crate::history;
use crate::record::received;
use crate::telemetry::Telemetry;

/// Longest wait for an answer of the brokers, and for the first records. A process that ends waits for a look under way.
const DEADLINE: Duration = Duration::from_secs(3);
/// Longest wait for one of them at a time.
const POLL: Duration = Duration::from_millis(100);

pub const CLIENT: &str = "survey";

type Reader = Client<BaseConsumer<Telemetry>>;

#[derive(Debug, thiserror::Error)]
enum SurveyError {
    #[error("the brokers do not say how the topic begins")]
    NoAnswer(#[source] KafkaError),
    #[error("no first record of a partition that has records within {DEADLINE:?}")]
    Late,
}

/// Looks at a topic apart from every consumer group. One look at a time.
pub struct Surveyor {
    connection: KafkaConnection,
    /// Made for the first look, and anew after one that failed.
    reader: Arc<Mutex<Option<Reader>>>,
}

impl Surveyor {
    pub fn new(connection: &KafkaConnection) -> Self {
        Self { connection: connection.clone(), reader: Arc::default() }
    }

    pub async fn survey(&self, topic: &str) -> Result<Partitions, TransportError> {
        let (connection, slot, topic) = (self.connection.clone(), self.reader.clone(), topic.to_owned());
        let surveying = tokio::task::spawn_blocking(move || {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let reader = match slot.take() {
                Some(reader) => reader,
                None => reader(&connection).map_err(SurveyError::NoAnswer)?,
            };
            let partitions = look(&reader, &topic)?;
            *slot = Some(reader);
            Ok::<_, SurveyError>(partitions)
        });
        surveying.await.map_err(TransportError::new)?.map_err(TransportError::new)
    }
}

fn reader(connection: &KafkaConnection) -> KafkaResult<Reader> {
    let mut config = config(connection);
    config
        .set("client.id", CLIENT)
        // librdkafka wants one. It is never joined, and has no positions.
        .set("group.id", CLIENT)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        // Where all that a partition has are no records, as the markers of transactions, no record ever comes.
        .set("enable.partition.eof", "true")
        .set("statistics.interval.ms", "0")
        // Of each partition only the first record is of interest, so a little of each will do.
        .set("max.partition.fetch.bytes", "65536")
        .set("queued.min.messages", "1")
        .set("queued.max.messages.kbytes", "1024")
        .set("fetch.queue.backoff.ms", "20")
        .set("fetch.wait.max.ms", "50");
    // What goes wrong here goes wrong for consumers and producer too, and they say so.
    let telemetry = Telemetry::new(CLIENT, connection, Arc::default());
    telemetry.retire();
    Ok(Client::new(config.create_with_context(telemetry)?))
}

fn look(reader: &Reader, topic: &str) -> Result<Partitions, SurveyError> {
    let bounds = history::bounds(&**reader, topic, DEADLINE).map_err(SurveyError::NoAnswer)?;
    let state =
        |(partition, _, end): &(i32, i64, i64)| (*partition, PartitionState { end: *end, first: None });
    let mut partitions: Partitions = bounds.iter().map(state).collect();
    let with_records: Vec<_> = bounds.into_iter().filter(|(_, begin, end)| begin < end).collect();
    for (partition, first) in first_records(reader, topic, &with_records)? {
        if let Some(state) = partitions.get_mut(&partition) {
            state.first = Some(first);
        }
    }
    Ok(partitions)
}

fn first_records(
    reader: &Reader,
    topic: &str,
    bounds: &[(i32, i64, i64)],
) -> Result<Vec<(i32, FirstRecord)>, SurveyError> {
    let mut list = TopicPartitionList::new();
    for (partition, begin, _) in bounds {
        list.add_partition_offset(topic, *partition, Offset::Offset(*begin))
            .map_err(SurveyError::NoAnswer)?;
    }
    reader.assign(&list).map_err(SurveyError::NoAnswer)?;
    let mut wanted: BTreeSet<i32> = bounds.iter().map(|(partition, ..)| *partition).collect();
    let mut found = Vec::new();
    let deadline = Instant::now() + DEADLINE;
    while !wanted.is_empty() {
        if Instant::now() >= deadline {
            return Err(SurveyError::Late);
        }
        match reader.poll(POLL) {
            Some(Ok(message)) => {
                if wanted.remove(&message.partition()) {
                    let received = received(&message);
                    let first =
                        FirstRecord { offset: received.position.offset, appended_at: received.appended_at };
                    found.push((received.position.partition, first));
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                wanted.remove(&partition);
            }
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                return Err(SurveyError::NoAnswer(error));
            }
            // librdkafka goes on by itself.
            Some(Err(_)) | None => {}
        }
    }
    reader.unassign().map_err(SurveyError::NoAnswer)?;
    Ok(found)
}

//! Where a topic begins and ends, which shows whether it is still the same topic.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use event_log::TransportError;
use event_log::incarnation::{FirstRecord, PartitionState, Partitions};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use crate::client::{Client, KafkaConnection, reader_config};
use crate::history;
use crate::record::received;
use crate::telemetry::Telemetry;

/// Maximum wait for a response of the brokers, and for the first records. A process that ends waits for it.
const DEADLINE: Duration = Duration::from_secs(3);
/// Maximum wait of one poll.
const POLL: Duration = Duration::from_millis(100);

/// The name of this client.
pub const CLIENT: &str = "survey";

type Reader = Client<BaseConsumer<Telemetry>>;

#[derive(Debug, thiserror::Error)]
enum SurveyError {
    #[error("the brokers do not report where the topic begins")]
    NoAnswer(#[from] KafkaError),
    #[error("the first record of a partition did not arrive within {DEADLINE:?}")]
    Late,
}

/// Surveys topics outside of every consumer group, one at a time.
pub struct Surveyor {
    connection: KafkaConnection,
    /// Created for the first survey, and again after one that failed.
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
                None => reader(&connection)?,
            };
            let partitions = survey(&reader, &topic)?;
            *slot = Some(reader);
            Ok::<_, SurveyError>(partitions)
        });
        surveying.await.map_err(TransportError::new)?.map_err(TransportError::new)
    }
}

fn reader(connection: &KafkaConnection) -> KafkaResult<Reader> {
    let mut config = reader_config(connection, CLIENT);
    config
        // Only the first record of each partition is needed, so small fetches are enough.
        .set("max.partition.fetch.bytes", "65536")
        .set("queued.min.messages", "1")
        .set("queued.max.messages.kbytes", "1024")
        .set("fetch.wait.max.ms", "50");
    // Consumers and producer meet the same faults and report them.
    let telemetry = Telemetry::new(CLIENT, connection, Arc::default());
    telemetry.retire();
    Ok(Client::new(config.create_with_context(telemetry)?))
}

fn survey(reader: &Reader, topic: &str) -> Result<Partitions, SurveyError> {
    let bounds = history::bounds(&**reader, topic, DEADLINE)?;
    let states =
        bounds.iter().map(|(partition, _, end)| (*partition, PartitionState { end: *end, first: None }));
    let mut partitions: Partitions = states.collect();
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
        list.add_partition_offset(topic, *partition, Offset::Offset(*begin))?;
    }
    reader.assign(&list)?;
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
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error.into()),
            // librdkafka recovers by itself.
            Some(Err(_)) | None => {}
        }
    }
    reader.unassign()?;
    Ok(found)
}

//! Reading a topic from its first record to its present end, outside of every consumer group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use event_log::{History, Received, TransportError};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::{Instant, sleep, timeout_at};

use crate::client::{Client, KafkaConnection, reader_config};
use crate::record::received;
use crate::telemetry::Telemetry;

/// Maximum wait for a response of the brokers, and for the next record before the end.
const DEADLINE: Duration = Duration::from_secs(10);
/// Pause before a broker that knows no leader is asked again. An election takes a few of them.
const ELECTION: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
enum HistoryError {
    #[error(transparent)]
    Client(#[from] KafkaError),
    #[error("the brokers do not report the size of the topic")]
    NoAnswer(#[source] KafkaError),
    #[error("no record arrived within {DEADLINE:?}, although there are more")]
    Stuck(#[source] Option<KafkaError>),
}

type Reader = Client<StreamConsumer<Telemetry>>;

/// The unread rest of the topic.
pub struct Snapshot {
    reader: Arc<Reader>,
    topic: String,
    total: u64,
    is_whole: bool,
    /// For each partition that is not read to its end: the offset after its last record.
    open: BTreeMap<i32, i64>,
}

impl Snapshot {
    /// Measures `topic`; records that arrive later are not part of the snapshot.
    pub async fn take(connection: &KafkaConnection, topic: String) -> Result<Self, TransportError> {
        let give_up = Instant::now() + DEADLINE;
        loop {
            let (connection, topic) = (connection.clone(), topic.clone());
            let measuring = tokio::task::spawn_blocking(move || Self::measure(&connection, topic));
            match measuring.await.map_err(TransportError::new)? {
                Err(error) if is_leader_unknown(&error) && Instant::now() < give_up => sleep(ELECTION).await,
                measured => return measured.map_err(TransportError::new),
            }
        }
    }

    fn measure(connection: &KafkaConnection, topic: String) -> Result<Self, HistoryError> {
        let mut config = reader_config(connection, "history");
        config.set("queued.max.messages.kbytes", "16384");
        // The caller gets an error instead, so no condition is shared.
        let telemetry = Telemetry::new("history", connection, Arc::default());
        let reader: Reader = Client::new(config.create_with_context(telemetry)?);
        let mut bounds = bounds(&*reader, &topic, DEADLINE).map_err(HistoryError::NoAnswer)?;
        let is_whole = bounds.iter().all(|(_, first, _)| *first == 0);
        bounds.retain(|(_, first, end)| first < end);
        let mut list = TopicPartitionList::new();
        for (partition, first, _) in &bounds {
            list.add_partition_offset(&topic, *partition, Offset::Offset(*first))?;
        }
        reader.assign(&list)?;
        let total = bounds.iter().map(|(_, first, end)| first.abs_diff(*end)).sum();
        let open = bounds.into_iter().map(|(partition, _, end)| (partition, end)).collect();
        Ok(Self { reader: Arc::new(reader), topic, total, is_whole, open })
    }

    async fn read(&mut self, max: usize) -> Result<Vec<Received>, TransportError> {
        let mut batch = Vec::new();
        let reader = self.reader.clone();
        let mut messages = reader.stream();
        let mut last_error = None;
        let deadline = Instant::now() + DEADLINE;
        while batch.len() < max && !self.open.is_empty() {
            let message = if batch.is_empty() {
                let waited = timeout_at(deadline, messages.next()).await;
                waited.map_err(|_elapsed| TransportError::new(HistoryError::Stuck(last_error.take())))?
            } else {
                let Some(message) = messages.next().now_or_never() else { break };
                message
            };
            match message {
                Some(Ok(message)) => batch.extend(self.accept(received(&message))?),
                Some(Err(KafkaError::PartitionEOF(partition))) => self.close(partition)?,
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                    return Err(TransportError::new(error));
                }
                // librdkafka recovers by itself. If it does not, this is the reason.
                Some(Err(error)) => last_error = Some(error),
                None => return Err(TransportError::new(HistoryError::Stuck(last_error))),
            }
        }
        Ok(batch)
    }

    /// Closes the partition at its end; `None` for a record after the end.
    fn accept(&mut self, received: Received) -> Result<Option<Received>, TransportError> {
        let position = received.position;
        let Some(end) = self.open.get(&position.partition).copied() else { return Ok(None) };
        if position.offset + 1 >= end {
            self.close(position.partition)?;
        }
        Ok((position.offset < end).then_some(received))
    }

    fn close(&mut self, partition: i32) -> Result<(), TransportError> {
        self.open.remove(&partition);
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, partition);
        self.reader.pause(&list).map_err(TransportError::new)
    }
}

impl History for Snapshot {
    fn total(&self) -> u64 {
        self.total
    }

    fn is_whole(&self) -> bool {
        self.is_whole
    }

    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Received>, TransportError>> {
        Box::pin(self.read(max))
    }
}

/// True if a broker does not know yet who leads a partition: right after the topic was created, or while the
/// leader changes.
fn is_leader_unknown(error: &HistoryError) -> bool {
    use RDKafkaErrorCode::{LeaderNotAvailable, NotLeaderForPartition, UnknownTopicOrPartition};
    let HistoryError::NoAnswer(KafkaError::MetadataFetch(code)) = error else { return false };
    matches!(code, LeaderNotAvailable | NotLeaderForPartition | UnknownTopicOrPartition)
}

/// Returns each partition with its first offset and the offset after its last record; empty if the topic does
/// not exist. Waits no longer than `deadline` for each response.
pub fn bounds<C: Consumer<Telemetry>>(
    reader: &C,
    topic: &str,
    deadline: Duration,
) -> KafkaResult<Vec<(i32, i64, i64)>> {
    use RDKafkaErrorCode::{UnknownTopic, UnknownTopicOrPartition};
    let metadata = reader.fetch_metadata(Some(topic), deadline)?;
    let Some(found) = metadata.topics().iter().find(|known| known.name() == topic) else {
        return Ok(Vec::new());
    };
    match found.error().map(RDKafkaErrorCode::from) {
        None => {}
        Some(UnknownTopicOrPartition | UnknownTopic) => return Ok(Vec::new()),
        Some(refusal) => return Err(KafkaError::MetadataFetch(refusal)),
    }
    let bounds = found.partitions().iter().map(|partition| {
        let (first, end) = reader.fetch_watermarks(topic, partition.id(), deadline)?;
        Ok((partition.id(), first, end))
    });
    bounds.collect()
}

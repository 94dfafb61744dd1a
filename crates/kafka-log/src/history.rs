//! A topic from its first record to the one that was its last, apart from every consumer group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use event_log::{History, Received, TransportError};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::{Instant, timeout_at};

use crate::client::{Client, KafkaConnection, config};
use crate::record::received;
use crate::telemetry::Telemetry;

/// Longest wait for the brokers: for an answer, and for the next record where there must be one.
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
enum HistoryError {
    #[error("the brokers do not say what is in the topic")]
    NoAnswer(#[source] KafkaError),
    #[error("no record within {DEADLINE:?}, and there are more")]
    Stuck(#[source] Option<KafkaError>),
}

type Reader = Client<StreamConsumer<Telemetry>>;

/// What is left to read.
pub struct Snapshot {
    reader: Arc<Reader>,
    topic: String,
    total: u64,
    is_whole: bool,
    /// The partitions that are not at their ends: the first offset of each that is no part of this.
    open: BTreeMap<i32, i64>,
}

impl Snapshot {
    pub async fn take(connection: &KafkaConnection, topic: String) -> Result<Self, TransportError> {
        let mut config = config(connection);
        config
            .set("client.id", "history")
            // librdkafka wants one. It is never joined, and has no positions.
            .set("group.id", "history")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            // Where the last offsets are no records, as after compaction, no record tells that this is the end.
            .set("enable.partition.eof", "true")
            .set("statistics.interval.ms", "0")
            .set("queued.max.messages.kbytes", "16384")
            .set("fetch.queue.backoff.ms", "20");
        // Who reads a topic once has its own word on what went wrong: the error.
        let telemetry = Telemetry::new("history", connection, Arc::default());
        let reader: StreamConsumer<_> = config.create_with_context(telemetry).map_err(TransportError::new)?;
        let reader = Arc::new(Client::new(reader));
        let mut bounds = {
            let (reader, topic) = (reader.clone(), topic.clone());
            let measuring = tokio::task::spawn_blocking(move || bounds(&**reader, &topic, DEADLINE));
            let measured = measuring.await.map_err(TransportError::new)?;
            measured.map_err(|error| TransportError::new(HistoryError::NoAnswer(error)))?
        };
        let is_whole = bounds.iter().all(|(_, first, _)| *first == 0);
        bounds.retain(|(_, first, end)| first < end);
        let mut list = TopicPartitionList::new();
        for (partition, first, _) in &bounds {
            list.add_partition_offset(&topic, *partition, Offset::Offset(*first))
                .map_err(TransportError::new)?;
        }
        reader.assign(&list).map_err(TransportError::new)?;
        let total = bounds.iter().map(|(_, first, end)| first.abs_diff(*end)).sum();
        let open = bounds.into_iter().map(|(partition, _, end)| (partition, end)).collect();
        Ok(Self { reader, topic, total, is_whole, open })
    }

    async fn read(&mut self, max: usize) -> Result<Vec<Received>, TransportError> {
        let mut batch = Vec::new();
        let reader = self.reader.clone();
        let mut messages = reader.stream();
        let mut trouble = None;
        let deadline = Instant::now() + DEADLINE;
        while batch.len() < max && !self.open.is_empty() {
            let message = if batch.is_empty() {
                let waited = timeout_at(deadline, messages.next()).await;
                waited.map_err(|_elapsed| TransportError::new(HistoryError::Stuck(trouble.take())))?
            } else {
                let Some(message) = messages.next().now_or_never() else { break };
                message
            };
            match message {
                Some(Ok(message)) => batch.extend(self.take_in(received(&message))?),
                Some(Err(KafkaError::PartitionEOF(partition))) => self.close(partition)?,
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                    return Err(TransportError::new(error));
                }
                // librdkafka goes on by itself; if it does not get anywhere, this is why.
                Some(Err(error)) => trouble = Some(error),
                None => return Err(TransportError::new(HistoryError::Stuck(trouble))),
            }
        }
        Ok(batch)
    }

    /// `None`: it came after the end.
    fn take_in(&mut self, received: Received) -> Result<Option<Received>, TransportError> {
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

/// Each partition, its first offset, and the one after its last. None, if there is no such topic. Waits no longer than
/// `deadline` for each answer.
pub fn bounds<C: Consumer<Telemetry>>(
    reader: &C,
    topic: &str,
    deadline: Duration,
) -> KafkaResult<Vec<(i32, i64, i64)>> {
    let metadata = reader.fetch_metadata(Some(topic), deadline)?;
    let Some(topic_now) = metadata.topics().iter().find(|known| known.name() == topic) else {
        return Ok(Vec::new());
    };
    match topic_now.error().map(RDKafkaErrorCode::from) {
        None => {}
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            return Ok(Vec::new());
        }
        Some(refusal) => return Err(KafkaError::MetadataFetch(refusal)),
    }
    let mut bounds = Vec::new();
    for partition in topic_now.partitions() {
        let (first, end) = reader.fetch_watermarks(topic, partition.id(), deadline)?;
        bounds.push((partition.id(), first, end));
    }
    Ok(bounds)
}

//! Bare Kafka clients: the baseline of the benchmarks, and a producer for its topics.

use std::time::Duration;

use events::{Event, encode, headers};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, StreamConsumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::Outcome;

/// The number of partitions of the fleet's own topic.
pub const PARTITIONS: i32 = 12;
const DEADLINE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

pub async fn create_topic(brokers: &str, topic: &str) -> Outcome {
    let admin: AdminClient<DefaultClientContext> = config(brokers).create()?;
    let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1));
    let made = admin.create_topics([&new], &AdminOptions::new().operation_timeout(Some(DEADLINE))).await?;
    made.into_iter().next().ok_or("no answer")?.map_err(|(_, code)| code)?;
    // A new topic has no leaders yet.
    let probe: BaseConsumer = config(brokers).create()?;
    let led = async {
        while (0..PARTITIONS).any(|partition| probe.fetch_watermarks(topic, partition, DEADLINE).is_err()) {
            sleep(POLL_INTERVAL).await;
        }
    };
    Ok(timeout(DEADLINE, led).await?)
}

/// Creates a producer with the acknowledgements of the fleet's own, which sends at once.
pub fn producer(brokers: &str) -> Outcome<FutureProducer> {
    let mut config = config(brokers);
    config.set("acks", "all").set("enable.idempotence", "true").set("partitioner", "murmur2_random");
    Ok(config.set("linger.ms", "0").set("queue.buffering.max.messages", "1000000").create()?)
}

/// Creates a consumer at the end of `topic`.
pub fn tail(brokers: &str, topic: &str) -> Outcome<StreamConsumer> {
    let consumer: StreamConsumer =
        config(brokers).set("group.id", "tail").set("enable.auto.commit", "false").create()?;
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        let (_, end) = consumer.fetch_watermarks(topic, partition, DEADLINE)?;
        partitions.add_partition_offset(topic, partition, Offset::Offset(end))?;
    }
    consumer.assign(&partitions)?;
    Ok(consumer)
}

/// Creates the only member of a new group, at the first record.
pub fn member(brokers: &str, topic: &str) -> Outcome<StreamConsumer> {
    let consumer: StreamConsumer = config(brokers)
        .set("group.id", Uuid::now_v7().to_string())
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .create()?;
    consumer.subscribe(&[topic])?;
    Ok(consumer)
}

/// Sends `event` as the relay of its writer would.
pub async fn send(producer: &FutureProducer, topic: &str, event: &Event) -> Outcome {
    let now = Timestamp::now();
    let (key, payload) = (event.booking_id().to_string(), encode(event, now));
    let headers = headers::headers(event, &Uuid::now_v7().to_string(), "bench", now, None);
    let headers = headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: Some(value.as_str()) })
    });
    let record = FutureRecord::to(topic).key(&key).payload(&payload).headers(headers);
    producer.send(record, DEADLINE).await.map_err(|(error, _)| error)?;
    Ok(())
}

pub async fn send_all(producer: &FutureProducer, topic: &str, events: &[Event]) -> Outcome {
    for chunk in events.chunks(5_000) {
        try_join_all(chunk.iter().map(|event| send(producer, topic, event))).await?;
    }
    Ok(())
}

//! The interface of a transport: it stores records durably, and delivers them to each consumer group in order
//! until the group commits them.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use events::headers::Headers;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::incarnation::{FIRST, Partitions};
use crate::seed_time::SeedTimeZone;

/// A record to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Records with the same key keep their order.
    pub key: Option<String>,
    /// `None` is a tombstone.
    pub payload: Option<Vec<u8>>,
    pub headers: Headers,
}

/// The place of a record in its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub partition: i32,
    pub offset: i64,
}

/// A record as a consumer receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub record: Record,
    pub position: Position,
    /// When the log appended it.
    pub appended_at: Timestamp,
}

/// The transport is unreachable, or has refused an operation.
#[derive(Debug, thiserror::Error)]
#[error("the event log failed")]
pub struct TransportError(#[source] pub Box<dyn Error + Send + Sync>);

impl TransportError {
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// A durable log of topics.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Appends `records` to `topic` in their order. When this returns, they survive a crash of any process.
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        records: &'a [Record],
    ) -> BoxFuture<'a, Result<(), TransportError>>;

    /// [`subscribe_in`](Self::subscribe_in) the first incarnation of the log.
    fn subscribe<'a>(
        &'a self,
        topic: &'a str,
        group: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, TransportError>> {
        self.subscribe_in(topic, group, FIRST)
    }

    /// Joins the consumer group `group` of `topic`, and returns when it has joined: from then on, this member
    /// receives all records that no other member of the group receives. A new group starts at the first
    /// record. A group whose position belongs to another `incarnation` starts over, but reads no older
    /// records than inboxes remember.
    fn subscribe_in<'a>(
        &'a self,
        topic: &'a str,
        group: &'a str,
        incarnation: i64,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, TransportError>>;

    /// The URL of the log, or `None` if it cannot be deleted and created again.
    fn name(&self) -> Option<&str> {
        None
    }

    /// Surveys `topic`: its partitions, as far as they distinguish it from another topic of the same name. A
    /// missing topic has no partitions.
    fn survey<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<Partitions, TransportError>> {
        let _ = topic;
        Box::pin(async { Ok(Partitions::new()) })
    }

    /// Opens `topic` for reading from its first record to its present end, outside of every consumer group. A
    /// missing topic has no records.
    fn history<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<Box<dyn History>, TransportError>>;

    /// The time zone of the local times in records of the original services.
    fn seed_time_zone(&self) -> SeedTimeZone {
        SeedTimeZone::default()
    }

    /// Whether records can flow, as far as this process knows. Sends no request.
    ///
    /// # Errors
    ///
    /// The reason why not, in one line.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Closes the log. Call it after the last publish and receive.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// A member of a consumer group.
pub trait Subscription: Send {
    /// Waits for the next records and returns at least one and at most `max`, in order within each partition.
    /// Dropping the future loses no record.
    fn receive(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Received>, TransportError>>;

    /// Commits all records of a partition up to and including `last`: they need not be delivered to this
    /// group again.
    fn commit(&mut self, last: Position) -> BoxFuture<'_, Result<(), TransportError>>;
}

/// The last position of each partition in `batch`, which are the positions to commit after the batch.
pub fn last_positions(batch: &[Received]) -> impl Iterator<Item = Position> {
    let of_partitions: BTreeMap<i32, Position> =
        batch.iter().map(|received| (received.position.partition, received.position)).collect();
    of_partitions.into_values()
}

/// A snapshot of a topic.
pub trait History: Send {
    /// The number of records; an upper bound if the log has gaps.
    fn total(&self) -> u64;

    /// Whether the topic still has its very first record: retention has deleted none.
    fn is_whole(&self) -> bool;

    /// Returns the next records, at most `max`, in order within each partition; empty at the end.
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Received>, TransportError>>;
}

/// Serializes headers as outbox and embedded log store them: `[["ce_id","…"],…]`.
pub fn headers_to_json(headers: &Headers) -> String {
    serde_json::to_string(headers).expect("pairs of text are JSON")
}

/// Parses headers that [`headers_to_json`] has serialized.
///
/// # Errors
///
/// When `json` is corrupt.
pub fn headers_from_json(json: &str) -> Result<Headers, TransportError> {
    serde_json::from_str(json).map_err(TransportError::new)
}

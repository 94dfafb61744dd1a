//! What a transport must do: take records durably, and hand them to each consumer group in order, again and again
//! until they are committed.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use events::headers::Headers;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::incarnation::Partitions;
use crate::seed_time::SeedTimeZone;

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Records of one key keep their order.
    pub key: Option<String>,
    /// `None` is a tombstone.
    pub payload: Option<Vec<u8>>,
    pub headers: Headers,
}

/// Where a record stands in its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub partition: i32,
    pub offset: i64,
}

/// What arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub record: Record,
    pub position: Position,
    /// When the log took it.
    pub appended_at: Timestamp,
}

/// The transport is away, or refuses.
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
    /// Appends `records` to `topic` in their order. When this returns, they survive a crash of anything.
    fn publish<'a>(
        &'a self,
        topic: &'a str,
        records: &'a [Record],
    ) -> BoxFuture<'a, Result<(), TransportError>>;

    /// Joins the consumer group `group` of `topic`, and returns when it is joined: what the others of the group do not
    /// receive from then on is received here. A new group starts at the first record.
    fn subscribe<'a>(
        &'a self,
        topic: &'a str,
        group: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, TransportError>>;

    /// [`subscribe`](Self::subscribe), where the service counts the logs that had this name: where the group's position is one
    /// in another `incarnation`, it starts over. As far back, that is, as inboxes remember.
    fn subscribe_in<'a>(
        &'a self,
        topic: &'a str,
        group: &'a str,
        incarnation: i64,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, TransportError>> {
        let _ = incarnation;
        self.subscribe(topic, group)
    }

    /// Where the log is; `None` where it cannot be made anew.
    fn name(&self) -> Option<&str> {
        None
    }

    /// How `topic` is now, by what tells it from another one of its name. A topic that is not there has no partitions.
    fn survey<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<Partitions, TransportError>> {
        let _ = topic;
        Box::pin(async { Ok(Partitions::new()) })
    }

    /// Opens `topic` to be read from its first record to the one that is its last now, apart from every consumer group.
    /// A topic that is not there has no records.
    fn history<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<Box<dyn History>, TransportError>>;

    /// The time zone of records that name their time without one.
    fn seed_time_zone(&self) -> SeedTimeZone {
        SeedTimeZone::default()
    }

    /// Whether records can flow, as far as this process knows without asking anybody.
    ///
    /// # Errors
    ///
    /// What is in the way, in one line.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Lets go of the log, once nothing is sent or received any more.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// A place in a consumer group.
pub trait Subscription: Send {
    /// The next records, at least one and at most `max`, in order within each partition. Waits for them; may be dropped
    /// while it waits.
    fn receive(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Received>, TransportError>>;

    /// What was received of a partition up to and including `last` need not be delivered to this group again.
    fn commit(&mut self, last: Position) -> BoxFuture<'_, Result<(), TransportError>>;
}

/// The last position of each partition in `batch`: what to commit when all of it is done.
pub fn last_positions(batch: &[Received]) -> impl Iterator<Item = Position> {
    let of_partitions: BTreeMap<i32, Position> =
        batch.iter().map(|received| (received.position.partition, received.position)).collect();
    of_partitions.into_values()
}

/// A topic as it is at one moment, to read.
pub trait History: Send {
    /// How many records there are in all; an upper bound where the log has gaps.
    fn total(&self) -> u64;

    /// Whether it begins with the first record that ever was: none was deleted because of its age.
    fn is_whole(&self) -> bool;

    /// The next records, at most `max`, in order within each partition. None left: that was all.
    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Received>, TransportError>>;
}

/// Headers the way outbox and embedded log store them: `[["ce_id","…"],…]`.
pub fn headers_to_json(headers: &Headers) -> String {
    serde_json::to_string(headers).expect("pairs of text are JSON")
}

pub fn headers_from_json(json: &str) -> Result<Headers, TransportError> {
    serde_json::from_str(json).map_err(TransportError::new)
}

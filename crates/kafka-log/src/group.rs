//! A member of a consumer group.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use event_log::{Position, Received, Subscription, TransportError};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::client::{Client, KafkaConnection, config};
use crate::condition::{Aspect, Condition, Fault};
use crate::queues::{Queues, enqueue, take};
use crate::record::received;
use crate::resume::{self, IncarnationMark};
use crate::stall::StallDetector;
use crate::telemetry::{self, Telemetry};

/// Interval between commits.
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);
/// Minimum time between two batches under load: each costs a commit of the database, however small it is.
const SHORTEST_CYCLE: Duration = Duration::from_millis(50);
/// Interval at which a waiting member checks whether it has stalled, and polls in case a wake-up was lost.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A member, with the records that it has received and not handed out yet.
pub struct Membership {
    consumer: Client<StreamConsumer<Assignment>>,
    queues: Queues,
    /// Earliest time of the next batch.
    not_before: Instant,
    /// The time of the next commit, if there are new positions.
    commit_at: Option<Instant>,
}

impl Membership {
    /// Joins the group, and returns when it has assigned partitions to this member, possibly none.
    pub async fn join(
        connection: &KafkaConnection,
        condition: Arc<Condition>,
        topic: String,
        group: &str,
        incarnation: i64,
    ) -> Result<Self, TransportError> {
        let mut config = config(connection);
        config
            .set("client.id", group)
            // Each fleet has groups of its own, so that several can share a cluster.
            .set("group.id", group_id(&topic, group))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            // The other members keep their partitions when a member joins or leaves.
            .set("partition.assignment.strategy", "cooperative-sticky")
            // How long the partitions of a dead process stay assigned to it; brokers allow no less …
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "1000")
            // … and those of a process that runs without progress, as when it alone has lost its database.
            .set("max.poll.interval.ms", "120000")
            // Prefetch enough to stay busy, within bounded memory. One fetch may exceed the limit of the
            // queue, and its bytes are compressed, so each fetch is small.
            .set("queued.min.messages", "5000")
            .set("queued.max.messages.kbytes", "8192")
            .set("max.partition.fetch.bytes", "65536")
            .set("fetch.queue.backoff.ms", "20");
        if let Some(name) = &connection.group_instance_id {
            config.set("group.instance.id", name);
        }
        let assignment = Assignment {
            group: group.to_owned(),
            topic: topic.clone(),
            mark: IncarnationMark::of(incarnation),
            telemetry: Telemetry::new(group, connection, condition),
            owned: Mutex::default(),
            detector: Mutex::default(),
            stall: OnceLock::new(),
            joined: watch::Sender::new(false),
        };
        let consumer: StreamConsumer<_> =
            config.create_with_context(assignment).map_err(TransportError::new)?;
        consumer.subscribe(&[&topic]).map_err(TransportError::new)?;
        let mut member = Self {
            consumer: Client::new(consumer),
            queues: VecDeque::new(),
            not_before: Instant::now(),
            commit_at: None,
        };
        let mut joined = member.consumer.context().joined.subscribe();
        while !*joined.borrow_and_update() {
            tokio::select! {
                // librdkafka runs the callbacks of the group only while the member polls.
                filled = member.fill(1) => filled?,
                _ = joined.changed() => {}
            }
        }
        Ok(member)
    }

    async fn next_batch(&mut self, max: usize) -> Result<Vec<Received>, TransportError> {
        sleep_until(self.not_before).await;
        loop {
            self.consumer.context().check_progress()?;
            let batch = take(&mut self.queues, max);
            if batch.is_empty() {
                self.fill(max).await?;
                continue;
            }
            // A single record is no load, and a customer may be waiting for its effect.
            if (2..max).contains(&batch.len()) {
                self.not_before = Instant::now() + SHORTEST_CYCLE;
            }
            return Ok(batch);
        }
    }

    /// Waits for a record, and enqueues it with the records that have already arrived. Dropping this future
    /// loses no record, because it never waits after it has taken one.
    async fn fill(&mut self, max: usize) -> Result<(), TransportError> {
        let mut messages = self.consumer.stream();
        let mut next = loop {
            self.consumer.context().check_progress()?;
            tokio::select! {
                message = messages.next() => break message,
                () = sleep(CHECK_INTERVAL) => {}
                () = sleep_until(self.commit_at.unwrap_or_else(Instant::now)), if self.commit_at.is_some() => {
                    self.commit_at = None;
                    commit_positions(&self.consumer)?;
                }
            }
        };
        for wanted in (0..max).rev() {
            match next {
                Some(Ok(message)) => enqueue(&mut self.queues, received(&message)),
                Some(Err(error)) => self.consumer.context().tolerate(error)?,
                None => break,
            }
            next = if wanted > 0 { messages.next().now_or_never().flatten() } else { None };
        }
        if !self.queues.is_empty() {
            self.consumer.context().telemetry.works(Aspect::Permission);
        }
        // Polling may have revoked a partition, whose records are now delivered to another member.
        let owned = self.consumer.context().owned();
        self.queues.retain(|(partition, _)| owned.contains_key(partition));
        Ok(())
    }

    /// Stores a position, to be committed within [`COMMIT_INTERVAL`]. A busy broker cannot process a commit
    /// per batch in time, and rejects all commits in flight when a member joins. Nothing waits for a commit:
    /// if one is lost, its records are delivered again, and the inbox drops them.
    fn store_position(&mut self, last: Position) -> Result<(), TransportError> {
        match self.consumer.context().owned().get_mut(&last.partition) {
            Some(position) => *position = Some(last.offset + 1),
            // The partition was revoked. Its new owner may have committed a later position.
            None => return Ok(()),
        }
        let now = Instant::now();
        if *self.commit_at.get_or_insert(now + COMMIT_INTERVAL) <= now {
            self.commit_at = None;
            commit_positions(&self.consumer)?;
        }
        Ok(())
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.consumer.context().telemetry.retire();
    }
}

impl Subscription for Membership {
    fn receive(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Received>, TransportError>> {
        Box::pin(self.next_batch(max))
    }

    fn commit(&mut self, last: Position) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move { self.store_position(last) })
    }
}

/// The name of the consumer group in the cluster.
fn group_id(topic: &str, group: &str) -> String {
    format!("{topic}.{group}")
}

/// The partitions of this member, each with its position since the assignment.
struct Assignment {
    group: String,
    topic: String,
    mark: IncarnationMark,
    telemetry: Telemetry,
    owned: Mutex<BTreeMap<i32, Option<i64>>>,
    detector: Mutex<StallDetector>,
    /// Why this member cannot continue.
    stall: OnceLock<String>,
    /// Whether the group has ever assigned partitions to this member.
    joined: watch::Sender<bool>,
}

impl Assignment {
    fn owned(&self) -> MutexGuard<'_, BTreeMap<i32, Option<i64>>> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that this member makes progress.
    ///
    /// # Errors
    ///
    /// When this member has stalled and must be replaced.
    fn check_progress(&self) -> Result<(), TransportError> {
        match self.stall.get() {
            Some(reason) => Err(TransportError::new(reason.clone())),
            None => Ok(()),
        }
    }

    /// Reports missing permissions. librdkafka has logged `error`, and recovers from most errors by itself.
    ///
    /// # Errors
    ///
    /// When the error is fatal and the member must be replaced.
    fn tolerate(&self, error: KafkaError) -> Result<(), TransportError> {
        let operation = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => format!("READ topic {}", self.topic),
            Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {
                format!("READ group {}", group_id(&self.topic, &self.group))
            }
            _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => {
                return Err(TransportError::new(error));
            }
            _ => return Ok(()),
        };
        self.telemetry.forbidden(&operation);
        Ok(())
    }

    /// Commits the positions of revoked partitions, also when the member is dropped, so that a clean stop
    /// redelivers nothing.
    fn release(&self, consumer: &BaseConsumer<Self>, partitions: impl Iterator<Item = i32>) {
        let mut positions = Vec::new();
        for partition in partitions {
            if let Some(Some(next)) = self.owned().remove(&partition) {
                positions.push((partition, next));
            }
            // The next owner measures it.
            telemetry::lag(&self.group, partition).set(0.0);
        }
        // After a missed session, the partitions already have another owner.
        if consumer.assignment_lost() {
            let pending =
                format!("consumer group {} has removed this process, which joins again", self.group);
            self.telemetry.fails(Aspect::Membership, Fault::pending(pending));
        } else if let Err(error) = commit(consumer, self, positions) {
            tracing::warn!(target: "kafka", cause = %error, "positions were not committed; their records will be redelivered");
        }
    }
}

impl ConsumerContext for Assignment {
    /// Does what librdkafka would do, and sets the positions of assigned partitions.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let changed = match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.owned().extend(partitions(list).map(|partition| (partition, None)));
                self.telemetry.works(Aspect::Membership);
                self.telemetry.works(Aspect::Permission);
                if let Err(error) = resume::start_over(consumer, &self.mark, list) {
                    // A position of an earlier topic would skip records, so the member stops before reading.
                    self.stall.get_or_init(|| format!("the group does not return its positions: {error}"));
                }
                let assigned = consumer.incremental_assign(list);
                self.joined.send_replace(true);
                assigned
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => {
                self.release(consumer, partitions(list));
                consumer.incremental_unassign(list)
            }
            other => {
                let error = KafkaError::Rebalance(other.into());
                tracing::warn!(target: "kafka", cause = %error, "rebalancing failed");
                consumer.incremental_unassign(list)
            }
        };
        if let Err(error) = changed {
            self.stall.get_or_init(|| format!("the assignment of partitions failed: {error}"));
        }
    }
}

impl ClientContext for Assignment {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.telemetry.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.telemetry.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let owned = self.owned().clone();
        let mut detector = self.detector.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(reason) = detector.observe(&statistics, |partition| owned.contains_key(&partition))
            && !self.telemetry.has_failed(Aspect::Permission)
        {
            self.stall.get_or_init(|| reason);
        }
        self.telemetry.stats(statistics);
    }
}

fn partitions(list: &TopicPartitionList) -> impl Iterator<Item = i32> {
    list.elements().into_iter().map(|element| element.partition())
}

fn commit_positions(consumer: &StreamConsumer<Assignment>) -> Result<(), TransportError> {
    let assignment = consumer.context();
    let owned = assignment.owned().clone();
    let positions = owned.into_iter().filter_map(|(partition, next)| Some((partition, next?))).collect();
    commit(consumer, assignment, positions).map_err(TransportError::new)
}

fn commit<C: Consumer<Assignment>>(
    consumer: &C,
    assignment: &Assignment,
    positions: Vec<(i32, i64)>,
) -> KafkaResult<()> {
    if positions.is_empty() {
        return Ok(());
    }
    let mut list = TopicPartitionList::new();
    for (partition, next) in positions {
        let mut position = list.add_partition(&assignment.topic, partition);
        position.set_offset(Offset::Offset(next))?;
        assignment.mark.put_on(&mut position);
    }
    consumer.commit(&list, CommitMode::Async)
}

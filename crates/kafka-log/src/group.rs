//! Records in: a member of a consumer group.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use event_log::{Position, Received, Subscription, TransportError};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::client::{Client, KafkaConnection, config};
use crate::condition::{Aspect, Condition, Fault};
use crate::pulse::Pulse;
use crate::queues::{Queues, enqueue, take};
use crate::record::received;
use crate::resume::{self, Mark};
use crate::telemetry::{self, Telemetry};

/// Positions go to the broker this often.
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);
/// Under load, batches are handed out this far apart: each costs a commit, however few records it has.
const SHORTEST_CYCLE: Duration = Duration::from_millis(50);
/// Who waits for a record looks again this often: whether the member stands still, and in case a wake-up was lost.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A member, and what it has received and not handed out yet.
pub struct Membership {
    consumer: Client<StreamConsumer<Share>>,
    /// Each partition's records in order; the first in the line is handed out next.
    queues: Queues,
    /// The next batch is handed out no earlier.
    not_before: Instant,
    /// When the positions go to the broker, if there are new ones.
    commit_at: Option<Instant>,
}

impl Membership {
    /// Returns when the group has given this member its share of the partitions, which may be none.
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
            // A fleet's own, also where several share a cluster: nobody waits for the members of another one.
            .set("group.id", group_id(&topic, group))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            // A member that joins or leaves takes only its own share out of the others' hands.
            .set("partition.assignment.strategy", "cooperative-sticky")
            // How long the partitions of a dead process wait for another one, and a member that a broker's absence has made a
            // stranger for its old self; brokers allow no less …
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "1000")
            // … and those of a process that lives and gets nowhere, as when it alone has lost its database.
            .set("max.poll.interval.ms", "120000")
            // Fetched ahead: enough to be busy, and no more memory than this for any backlog. One fetch may go beyond the
            // queue's limit, and its bytes are compressed: each partition gives a little at a time.
            .set("queued.min.messages", "5000")
            .set("queued.max.messages.kbytes", "8192")
            .set("max.partition.fetch.bytes", "65536")
            .set("fetch.queue.backoff.ms", "20");
        if let Some(name) = &connection.group_instance_id {
            config.set("group.instance.id", name);
        }
        let share = Share {
            group: group.to_owned(),
            topic: topic.clone(),
            mark: Mark::of(incarnation),
            telemetry: Telemetry::new(group, connection, condition),
            owned: Mutex::default(),
            pulse: Mutex::default(),
            standstill: OnceLock::new(),
            joined: watch::Sender::new(false),
        };
        let consumer: StreamConsumer<_> = config.create_with_context(share).map_err(TransportError::new)?;
        consumer.subscribe(&[&topic]).map_err(TransportError::new)?;
        let mut member = Self {
            consumer: Client::new(consumer),
            queues: VecDeque::new(),
            not_before: Instant::now(),
            commit_at: None,
        };
        member.wait_for_share().await?;
        Ok(member)
    }

    async fn wait_for_share(&mut self) -> Result<(), TransportError> {
        let mut joined = self.consumer.context().joined.subscribe();
        while !*joined.borrow_and_update() {
            tokio::select! {
                // What the group says is heard while this waits for a record.
                filled = self.fill(1) => filled?,
                _ = joined.changed() => {}
            }
        }
        Ok(())
    }

    async fn next_batch(&mut self, max: usize) -> Result<Vec<Received>, TransportError> {
        sleep_until(self.not_before).await;
        loop {
            self.consumer.context().is_moving()?;
            let batch = take(&mut self.queues, max);
            if batch.is_empty() {
                self.fill(max).await?;
                continue;
            }
            // One record alone is no load, and somebody may be waiting for what follows from it.
            if (2..max).contains(&batch.len()) {
                self.not_before = Instant::now() + SHORTEST_CYCLE;
            }
            return Ok(batch);
        }
    }

    /// Waits for a record, and takes what else is there already. Nothing is lost by dropping this: it waits before it
    /// has taken anything, and never after.
    async fn fill(&mut self, max: usize) -> Result<(), TransportError> {
        let mut messages = self.consumer.stream();
        let mut next = loop {
            self.consumer.context().is_moving()?;
            tokio::select! {
                message = messages.next() => break message,
                () = sleep(LOOK_INTERVAL) => {}
                () = sleep_until(self.commit_at.unwrap_or_else(Instant::now)), if self.commit_at.is_some() => {
                    self.commit_at = None;
                    send_positions(&self.consumer)?;
                }
            }
        };
        for wanted in (0..max).rev() {
            match next {
                Some(Ok(message)) => enqueue(&mut self.queues, received(&message)),
                Some(Err(error)) => self.consumer.context().pass_over(error)?,
                None => break,
            }
            next = if wanted > 0 { messages.next().now_or_never().flatten() } else { None };
        }
        if !self.queues.is_empty() {
            self.consumer.context().telemetry.works(Aspect::Permission);
        }
        // To look for more may have told that a partition is another member's now: its records are delivered there.
        let owned = self.consumer.context().owned();
        self.queues.retain(|(partition, _)| owned.contains_key(partition));
        Ok(())
    }

    /// Together with those of the next moments: a request for each batch is more than a busy broker answers in time, and
    /// refuses all that are under way when a member joins. None is waited for: what is lost on the way is delivered
    /// again, and the inbox drops it.
    fn note(&mut self, last: Position) -> Result<(), TransportError> {
        match self.consumer.context().owned().get_mut(&last.partition) {
            Some(position) => *position = Some(last.offset + 1),
            // Its new owner may be further on, and must not be turned back.
            None => return Ok(()),
        }
        let now = Instant::now();
        if *self.commit_at.get_or_insert(now + COMMIT_INTERVAL) <= now {
            self.commit_at = None;
            send_positions(&self.consumer)?;
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
        Box::pin(async move { self.note(last) })
    }
}

/// What the brokers know the consumer group as.
fn group_id(topic: &str, group: &str) -> String {
    format!("{topic}.{group}")
}

/// The partitions that are this member's, and the position each has come to since.
struct Share {
    group: String,
    topic: String,
    mark: Mark,
    telemetry: Telemetry,
    owned: Mutex<BTreeMap<i32, Option<i64>>>,
    pulse: Mutex<Pulse>,
    /// Where this member stands still for good.
    standstill: OnceLock<String>,
    /// Whether the group has ever given out shares to this member.
    joined: watch::Sender<bool>,
}

impl Share {
    fn owned(&self) -> MutexGuard<'_, BTreeMap<i32, Option<i64>>> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    ///
    /// When this member stands still, and has to be replaced.
    fn is_moving(&self) -> Result<(), TransportError> {
        match self.standstill.get() {
            Some(standstill) => Err(TransportError::new(standstill.clone())),
            None => Ok(()),
        }
    }

    /// Whether a member can go on after `error`; it has been logged.
    ///
    /// # Errors
    ///
    /// When it cannot, and has to be replaced. After all else librdkafka recovers by itself.
    fn pass_over(&self, error: KafkaError) -> Result<(), TransportError> {
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
        self.telemetry.is_forbidden(&operation);
        Ok(())
    }

    /// Commits before others take over, and before this member leaves the group when it is dropped: a clean stop does not
    /// deliver anything again.
    fn give_up(&self, consumer: &BaseConsumer<Self>, partitions: impl Iterator<Item = i32>) {
        let mut positions = Vec::new();
        for partition in partitions {
            if let Some(Some(next)) = self.owned().remove(&partition) {
                positions.push((partition, next));
            }
            // Its next owner measures it.
            telemetry::lag(&self.group, partition).set(0.0);
        }
        // Those of a member that was given up for dead have an owner already.
        if consumer.assignment_lost() {
            let pending = format!("consumer group {} has given this process up; it joins again", self.group);
            self.telemetry.fails(Aspect::Membership, Fault::pending(pending));
        } else if let Err(error) = commit(consumer, self, positions) {
            tracing::warn!(target: "kafka", %error, "positions were not committed; records will come again");
        }
    }
}

impl ConsumerContext for Share {
    /// As librdkafka would, but that what is taken over may begin where no position says.
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let changed = match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.pre_rebalance(consumer, &Rebalance::Assign(list));
                let start = resume::start_over(consumer, &self.mark, list);
                let assigned = consumer.incremental_assign(list);
                if let Err(error) = start {
                    // To begin where an earlier topic was left would pass records over: nothing of it is handed out.
                    self.standstill.get_or_init(|| format!("the group does not tell its positions: {error}"));
                }
                self.post_rebalance(consumer, &Rebalance::Assign(list));
                assigned
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => {
                self.pre_rebalance(consumer, &Rebalance::Revoke(list));
                consumer.incremental_unassign(list)
            }
            other => {
                let error = KafkaError::Rebalance(other.into());
                self.pre_rebalance(consumer, &Rebalance::Error(error));
                consumer.incremental_unassign(list)
            }
        };
        if let Err(error) = changed {
            self.standstill.get_or_init(|| format!("the share of the partitions was not taken: {error}"));
        }
    }

    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => {
                self.owned().extend(partitions(list).map(|partition| (partition, None)));
                self.telemetry.works(Aspect::Membership);
                self.telemetry.works(Aspect::Permission);
            }
            Rebalance::Revoke(list) => self.give_up(consumer, partitions(list)),
            Rebalance::Error(error) => tracing::warn!(target: "kafka", %error, "rebalancing failed"),
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(_) = rebalance {
            self.joined.send_replace(true);
        }
    }
}

impl ClientContext for Share {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.telemetry.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.telemetry.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let owned = self.owned().clone();
        let mut pulse = self.pulse.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(standstill) = pulse.beat(&statistics, |partition| owned.contains_key(&partition))
            && !self.telemetry.has_failed(Aspect::Permission)
        {
            self.standstill.get_or_init(|| standstill);
        }
        self.telemetry.stats(statistics);
    }
}

fn partitions(list: &TopicPartitionList) -> impl Iterator<Item = i32> {
    list.elements().into_iter().map(|element| element.partition())
}

fn send_positions(consumer: &StreamConsumer<Share>) -> Result<(), TransportError> {
    let share = consumer.context();
    let owned = share.owned().clone();
    let positions = owned.into_iter().filter_map(|(partition, next)| Some((partition, next?))).collect();
    commit(consumer, share, positions).map_err(TransportError::new)
}

fn commit<C: Consumer<Share>>(consumer: &C, share: &Share, positions: Vec<(i32, i64)>) -> KafkaResult<()> {
    if positions.is_empty() {
        return Ok(());
    }
    let mut list = TopicPartitionList::new();
    for (partition, next) in positions {
        let mut position = list.add_partition(&share.topic, partition);
        position.set_offset(Offset::Offset(next))?;
        share.mark.put_on(&mut position);
    }
    consumer.commit(&list, CommitMode::Async)
}

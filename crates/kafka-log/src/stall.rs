//! Detecting a stalled member of a consumer group, from the statistics of librdkafka.
//!
//! A member that loses its broker or its group normally recovers within seconds. There are two exceptions:
//!
//! - In a few hundred kills of a broker, one member never got a partition again, although its connection was
//!   fine and nothing failed.
//! - A busy cluster whose controller considers the only broker dead responds that it has no brokers. Its
//!   clients then return to the brokers of their settings, but a race between their threads may undo that,
//!   and such a client never connects again (<https://github.com/confluentinc/librdkafka/issues/5301>).
//!
//! So that no operator has to restart the process, a stalled member is replaced by a new one. The producer
//! needs no such check: if it cannot send in time, it is replaced anyway.

use std::mem;

use rdkafka::statistics::Statistics;

use crate::telemetry::{known_brokers_up, partitions};

/// A member has stalled after this many statistics in a row without progress. They are five seconds apart, so
/// this is longer than a rebalance that waits for a dead member. It counts statistics rather than time,
/// because a process that was suspended has not stalled.
const PATIENCE: u32 = 6;
/// The same for a member that does not try to connect. A client without a broker tries one every two seconds,
/// but resolving an address may take longer.
const PATIENCE_WITHOUT_ATTEMPTS: u32 = 2;

/// Watches the progress of one member.
#[derive(Debug, Default)]
pub struct StallDetector {
    without_progress: u32,
    attempts: Option<i64>,
}

impl StallDetector {
    /// Evaluates the next `statistics`. `is_owned` is true for the partitions of the member.
    ///
    /// # Errors
    ///
    /// The reason, if the member has stalled.
    pub fn observe(&mut self, statistics: &Statistics, is_owned: impl Fn(i32) -> bool) -> Result<(), String> {
        let attempts = attempts(statistics);
        let before = mem::replace(&mut self.attempts, attempts);
        let (obstacle, patience) = if attempts.is_some() && attempts == before {
            let obstacle = "the group member has no broker and does not try to connect to one";
            (Some(obstacle.to_owned()), PATIENCE_WITHOUT_ATTEMPTS)
        } else {
            (obstacle(statistics, is_owned), PATIENCE)
        };
        let Some(obstacle) = obstacle else {
            self.without_progress = 0;
            return Ok(());
        };
        self.without_progress += 1;
        if self.without_progress < patience { Ok(()) } else { Err(obstacle) }
    }
}

/// The number of attempts to connect to the known brokers, or `None` while any is connected or connecting.
fn attempts(statistics: &Statistics) -> Option<i64> {
    let brokers = statistics.brokers.values();
    let is_idle = |state: &str| matches!(state, "INIT" | "DOWN" | "TRY_CONNECT");
    if !brokers.clone().all(|broker| is_idle(&broker.state)) {
        return None;
    }
    // The group coordinator is a role of a broker, not a broker of its own.
    Some(brokers.filter(|broker| broker.source != "logical").filter_map(|broker| broker.connects).sum())
}

/// Why the member receives no records, unless the broker is unreachable.
fn obstacle(statistics: &Statistics, is_owned: impl Fn(i32) -> bool) -> Option<String> {
    let group = statistics.cgrp.as_ref().filter(|_| known_brokers_up(statistics) > 0)?;
    if group.join_state != "steady" {
        return Some(format!("the group member is stuck in {}", group.join_state));
    }
    let mut owned = partitions(statistics).filter(|partition| is_owned(partition.partition));
    let idle = owned.find(|partition| partition.fetch_state != "active")?;
    Some(format!("partition {} is stuck in {}", idle.partition, idle.fetch_state))
}

#[cfg(test)]
mod tests {
    use rdkafka::statistics::{Broker, ConsumerGroup, Partition, Topic};

    use super::*;

    fn broker(nodeid: i32, source: &str, state: &str) -> Broker {
        Broker { nodeid, source: source.to_owned(), state: state.to_owned(), ..Broker::default() }
    }

    /// The statistics of a member that owns partition 0 and is connected.
    fn statistics(join_state: &str, fetch_state: &str) -> Statistics {
        let broker = broker(1, "learned", "UP");
        let partition =
            Partition { partition: 0, fetch_state: fetch_state.to_owned(), ..Partition::default() };
        let other = Partition { partition: 1, fetch_state: "none".to_owned(), ..Partition::default() };
        let topic = Topic { partitions: [(0, partition), (1, other)].into(), ..Topic::default() };
        Statistics {
            brokers: [("broker:9092/1".to_owned(), broker)].into(),
            topics: [("movie".to_owned(), topic)].into(),
            cgrp: Some(ConsumerGroup { join_state: join_state.to_owned(), ..ConsumerGroup::default() }),
            ..Statistics::default()
        }
    }

    fn observe(detector: &mut StallDetector, statistics: &Statistics, times: u32) -> Result<(), String> {
        (0..times).try_for_each(|_| detector.observe(statistics, |partition| partition == 0))
    }

    #[test]
    fn member_that_fetches_all_its_partitions_never_stalls() {
        observe(&mut StallDetector::default(), &statistics("steady", "active"), 1_000).unwrap();
    }

    #[test]
    fn member_that_cannot_join_stalls() {
        let mut detector = StallDetector::default();
        let waits = statistics("wait-join", "none");
        observe(&mut detector, &waits, PATIENCE - 1).unwrap();
        let reason = observe(&mut detector, &waits, 1).unwrap_err();
        assert_eq!(reason, "the group member is stuck in wait-join");
    }

    #[test]
    fn member_that_does_not_fetch_its_partition_stalls() {
        let reason = observe(&mut StallDetector::default(), &statistics("steady", "offset-wait"), PATIENCE)
            .unwrap_err();
        assert_eq!(reason, "partition 0 is stuck in offset-wait");
    }

    #[test]
    fn rebalances_are_no_stall() {
        let mut detector = StallDetector::default();
        for _ in 0..100 {
            observe(&mut detector, &statistics("wait-sync", "none"), PATIENCE - 1).unwrap();
            observe(&mut detector, &statistics("steady", "active"), 1).unwrap();
        }
    }

    /// The statistics of a member that has tried `attempts` times to connect to its broker.
    fn disconnected(attempts: i64) -> Statistics {
        let broker = Broker { connects: Some(attempts), ..broker(1, "learned", "TRY_CONNECT") };
        let brokers = [("broker:9092/1".to_owned(), broker)].into();
        Statistics { brokers, ..statistics("init", "none") }
    }

    #[test]
    fn member_that_keeps_connecting_never_stalls() {
        let mut detector = StallDetector::default();
        for attempts in 0..1_000 {
            observe(&mut detector, &disconnected(attempts), 1).unwrap();
        }
        let tries = Broker { connects: Some(999), ..broker(1, "learned", "CONNECT") };
        let tries = Statistics { brokers: [("broker:9092/1".to_owned(), tries)].into(), ..disconnected(0) };
        observe(&mut detector, &tries, 1_000).unwrap();
    }

    #[test]
    fn member_that_does_not_connect_stalls() {
        let mut detector = StallDetector::default();
        observe(&mut detector, &disconnected(7), PATIENCE_WITHOUT_ATTEMPTS).unwrap();
        let reason = observe(&mut detector, &disconnected(7), 1).unwrap_err();
        assert_eq!(reason, "the group member has no broker and does not try to connect to one");
    }

    #[test]
    fn member_that_only_looks_for_its_coordinator_stalls() {
        let coordinator =
            |connects| Broker { connects: Some(connects), ..broker(-1, "logical", "TRY_CONNECT") };
        let statistics = |connects| {
            let brokers = [("GroupCoordinator".to_owned(), coordinator(connects))].into();
            Statistics { brokers, ..disconnected(0) }
        };
        let mut detector = StallDetector::default();
        observe(&mut detector, &statistics(1), 1).unwrap();
        observe(&mut detector, &statistics(2), 1).unwrap();
        observe(&mut detector, &statistics(3), 1).unwrap_err();
    }
}

//! Whether a member of a consumer group gets anywhere, by what librdkafka says of itself.
//!
//! A member that has lost its broker or its group comes back by itself, as a rule within seconds. As a rule:
//!
//! - Once in some hundred kills of a broker, one was seen that never got a partition again, while its connection was fine
//!   and nothing failed.
//! - A cluster says that it has no brokers while its controller takes the only one for dead, as happens to a busy one. Its
//!   clients then start over with the brokers of their settings; but what is on its way between their threads may undo that,
//!   and such a client never speaks to anybody again (<https://github.com/confluentinc/librdkafka/issues/5301>).
//!
//! A consumer must not need somebody to notice that and restart its process, so who stands still for long is replaced by a
//! new member. The producer needs none of this: what it cannot send in time is sent by a new one.

use std::mem;

use rdkafka::statistics::Statistics;

use crate::telemetry::{known_brokers_up, partitions};

/// As many statistics in a row, five seconds apart, that tell of the same: longer than a rebalance that waits for a dead
/// member. They are counted, and no time is taken, so that a process that was stopped for a while is not taken for one
/// that stood still.
const PATIENCE: u32 = 6;
/// Who looks for a broker tries one every two seconds; to find the address of one may take longer.
const PATIENCE_WITHOUT_ATTEMPTS: u32 = 2;

/// What was seen of one member so far.
#[derive(Debug, Default)]
pub struct Pulse {
    hindered: u32,
    attempts: Option<i64>,
}

impl Pulse {
    /// Takes note of `statistics`. `is_owned` tells the partitions that are the member's.
    ///
    /// # Errors
    ///
    /// What it stands still at, once it has for long.
    pub fn beat(&mut self, statistics: &Statistics, is_owned: impl Fn(i32) -> bool) -> Result<(), String> {
        let attempts = attempts(statistics);
        let before = mem::replace(&mut self.attempts, attempts);
        let (hindrance, patience) = if attempts.is_some() && attempts == before {
            let hindrance = "the member of the group has no broker, and tries to reach none";
            (Some(hindrance.to_owned()), PATIENCE_WITHOUT_ATTEMPTS)
        } else {
            (hindrance(statistics, is_owned), PATIENCE)
        };
        let Some(hindrance) = hindrance else {
            self.hindered = 0;
            return Ok(());
        };
        self.hindered += 1;
        if self.hindered < patience { Ok(()) } else { Err(hindrance) }
    }
}

/// How often it was tried to reach a broker of those that are known now; `None` while one is reached or being tried.
fn attempts(statistics: &Statistics) -> Option<i64> {
    let brokers = statistics.brokers.values();
    let is_idle = |state: &str| matches!(state, "INIT" | "DOWN" | "TRY_CONNECT");
    if !brokers.clone().all(|broker| is_idle(&broker.state)) {
        return None;
    }
    // A coordinator is no broker, but the role of one.
    Some(brokers.filter(|broker| broker.source != "logical").filter_map(|broker| broker.connects).sum())
}

/// Why no records come just now, where it is not for a broker that is away.
fn hindrance(statistics: &Statistics, is_owned: impl Fn(i32) -> bool) -> Option<String> {
    let group = statistics.cgrp.as_ref().filter(|_| known_brokers_up(statistics) > 0)?;
    if group.join_state != "steady" {
        return Some(format!("the member of the group stands still in {}", group.join_state));
    }
    let mut owned = partitions(statistics).filter(|partition| is_owned(partition.partition));
    let idle = owned.find(|partition| partition.fetch_state != "active")?;
    Some(format!("partition {} stands still in {}", idle.partition, idle.fetch_state))
}

#[cfg(test)]
mod tests {
    use rdkafka::statistics::{Broker, ConsumerGroup, Partition, Topic};

    use super::*;

    fn broker(nodeid: i32, source: &str, state: &str) -> Broker {
        Broker { nodeid, source: source.to_owned(), state: state.to_owned(), ..Broker::default() }
    }

    /// Of a member that owns partition 0, and has a broker.
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

    fn beats(pulse: &mut Pulse, statistics: &Statistics, times: u32) -> Result<(), String> {
        (0..times).try_for_each(|_| pulse.beat(statistics, |partition| partition == 0))
    }

    #[test]
    fn who_fetches_all_of_its_partitions_goes_on_for_ever() {
        beats(&mut Pulse::default(), &statistics("steady", "active"), 1_000).unwrap();
    }

    #[test]
    fn who_waits_for_its_group_for_long_is_given_up() {
        let mut pulse = Pulse::default();
        let waits = statistics("wait-join", "none");
        beats(&mut pulse, &waits, PATIENCE - 1).unwrap();
        let told = beats(&mut pulse, &waits, 1).unwrap_err();
        assert_eq!(told, "the member of the group stands still in wait-join");
    }

    #[test]
    fn so_is_who_has_a_partition_and_does_not_fetch_it() {
        let told = beats(&mut Pulse::default(), &statistics("steady", "offset-wait"), PATIENCE).unwrap_err();
        assert_eq!(told, "partition 0 stands still in offset-wait");
    }

    #[test]
    fn a_rebalance_now_and_then_is_no_reason() {
        let mut pulse = Pulse::default();
        for _ in 0..100 {
            beats(&mut pulse, &statistics("wait-sync", "none"), PATIENCE - 1).unwrap();
            beats(&mut pulse, &statistics("steady", "active"), 1).unwrap();
        }
    }

    /// Of a member whose broker is away, after so many attempts to reach it.
    fn alone(attempts: i64) -> Statistics {
        let broker = Broker { connects: Some(attempts), ..broker(1, "learned", "TRY_CONNECT") };
        let brokers = [("broker:9092/1".to_owned(), broker)].into();
        Statistics { brokers, ..statistics("init", "none") }
    }

    #[test]
    fn a_broker_that_is_away_is_waited_for_while_it_is_tried() {
        let mut pulse = Pulse::default();
        for attempts in 0..1_000 {
            beats(&mut pulse, &alone(attempts), 1).unwrap();
        }
        let tries = Broker { connects: Some(999), ..broker(1, "learned", "CONNECT") };
        let tries = Statistics { brokers: [("broker:9092/1".to_owned(), tries)].into(), ..alone(0) };
        beats(&mut pulse, &tries, 1_000).unwrap();
    }

    #[test]
    fn who_has_no_broker_and_tries_none_is_given_up() {
        let mut pulse = Pulse::default();
        beats(&mut pulse, &alone(7), PATIENCE_WITHOUT_ATTEMPTS).unwrap();
        let told = beats(&mut pulse, &alone(7), 1).unwrap_err();
        assert_eq!(told, "the member of the group has no broker, and tries to reach none");
    }

    #[test]
    fn so_is_who_knows_of_none_and_looks_for_a_coordinator() {
        let coordinator =
            |connects| Broker { connects: Some(connects), ..broker(-1, "logical", "TRY_CONNECT") };
        let statistics = |connects| {
            let brokers = [("GroupCoordinator".to_owned(), coordinator(connects))].into();
            Statistics { brokers, ..alone(0) }
        };
        let mut pulse = Pulse::default();
        beats(&mut pulse, &statistics(1), 1).unwrap();
        beats(&mut pulse, &statistics(2), 1).unwrap();
        beats(&mut pulse, &statistics(3), 1).unwrap_err();
    }
}

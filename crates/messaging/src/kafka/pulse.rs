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

use rdkafka::statistics::Statistics;

use super::telemetry::{known_brokers_up, partitions};

/// As many statistics in a row, five seconds apart, that tell of the same: longer than a rebalance that waits for a dead
/// member. They are counted, and no time is taken, so that a process that was stopped for a while is not taken for one
/// that stood still.
const PATIENCE: u32 = 6;
/// Who has nobody left to speak to need not be waited for; one may have been seen between two brokers.
const PATIENCE_WITH_NOBODY: u32 = 2;

/// What was seen of one member so far.
#[derive(Debug, Default)]
pub struct Pulse {
    hindered: u32,
}

/// Why no records come.
struct Hindrance {
    what: String,
    patience: u32,
}

impl Pulse {
    /// Takes note of `statistics`. `is_owned` tells the partitions that are the member's.
    ///
    /// # Errors
    ///
    /// What it stands still at, once it has for long.
    pub fn beat(&mut self, statistics: &Statistics, is_owned: impl Fn(i32) -> bool) -> Result<(), String> {
        let Some(hindrance) = hindrance(statistics, is_owned) else {
            self.hindered = 0;
            return Ok(());
        };
        self.hindered += 1;
        if self.hindered < hindrance.patience { Ok(()) } else { Err(hindrance.what) }
    }
}

/// Why no records come just now, where it is not for a broker that is away.
fn hindrance(statistics: &Statistics, is_owned: impl Fn(i32) -> bool) -> Option<Hindrance> {
    if !knows_a_broker(statistics) {
        let what = "the member of the group knows no broker any more".to_owned();
        return Some(Hindrance { what, patience: PATIENCE_WITH_NOBODY });
    }
    let group = statistics.cgrp.as_ref().filter(|_| known_brokers_up(statistics) > 0)?;
    let what = if group.join_state != "steady" {
        format!("the member of the group stands still in {}", group.join_state)
    } else {
        let mut owned = partitions(statistics).filter(|partition| is_owned(partition.partition));
        let idle = owned.find(|partition| partition.fetch_state != "active")?;
        format!("partition {} stands still in {}", idle.partition, idle.fetch_state)
    };
    Some(Hindrance { what, patience: PATIENCE })
}

/// Whether there is an address to connect to: from the settings, or as the cluster has told. A coordinator is none, only
/// the role of one of them.
fn knows_a_broker(statistics: &Statistics) -> bool {
    statistics.brokers.values().any(|broker| broker.source != "logical")
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

    #[test]
    fn a_broker_that_is_away_is_waited_for() {
        let mut statistics = statistics("init", "none");
        for broker in statistics.brokers.values_mut() {
            broker.state = "TRY_CONNECT".to_owned();
        }
        beats(&mut Pulse::default(), &statistics, 1_000).unwrap();
    }

    #[test]
    fn who_has_no_broker_left_to_wait_for_is_given_up() {
        let mut statistics = statistics("init", "none");
        let coordinator = broker(-1, "logical", "TRY_CONNECT");
        statistics.brokers = [("GroupCoordinator".to_owned(), coordinator)].into();
        let mut pulse = Pulse::default();
        beats(&mut pulse, &statistics, PATIENCE_WITH_NOBODY - 1).unwrap();
        let told = beats(&mut pulse, &statistics, 1).unwrap_err();
        assert_eq!(told, "the member of the group knows no broker any more");
    }

    #[test]
    fn a_broker_of_the_settings_is_one_to_wait_for() {
        let mut statistics = statistics("init", "none");
        statistics.brokers = [("broker:9092/bootstrap".to_owned(), broker(-1, "configured", "INIT"))].into();
        beats(&mut Pulse::default(), &statistics, 1_000).unwrap();
    }
}

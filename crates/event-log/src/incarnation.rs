//! Recognizing a log: how its partitions begin shows whether it was deleted and created again under its name.
//!
//! Kafka gives a topic no other identity that a client can query. Each such log is an incarnation; the first
//! one has the number 1.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

/// The number of the first incarnation.
pub const FIRST: i64 = 1;
/// How long inboxes remember applied events, which is longer than any transport redelivers them. A group that
/// starts over in another incarnation reads no older records.
pub const INBOXES_REMEMBER: Duration = Duration::from_secs(7 * 24 * 3600);

/// The first record of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstRecord {
    pub offset: i64,
    pub appended_at: Timestamp,
}

/// A partition at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionState {
    /// The offset after the last record.
    pub end: i64,
    /// `None` if the partition has no record.
    pub first: Option<FirstRecord>,
}

/// Partitions, keyed by their number.
pub type Partitions = BTreeMap<i32, PartitionState>;

/// The result of comparing a log with the known one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the known log, or nothing shows otherwise.
    Same,
    /// It is the known log without its last records, as after a lagging replica has taken over.
    Truncated(String),
    /// It is another log: the known one was deleted. Contains the reason for the operator.
    Recreated(String),
}

/// Compares the log as it is `now` with the `known` one. All partitions of a log are created together, so one
/// that has changed is enough.
///
/// Only the beginning of a partition shows that the topic was created again. If the first record has the same
/// offset and another time, it is another record. If its offset is lower, the topic is another one, because
/// retention only moves the beginning up. A higher beginning proves nothing, because retention may have moved
/// it.
pub fn compare(known: &Partitions, now: &Partitions) -> Verdict {
    if now.is_empty() {
        return Verdict::Same; // The log is missing, so it is not another one.
    }
    let mut truncated = None;
    for (partition, known) in known {
        let Some(now) = now.get(partition) else {
            return Verdict::Recreated(format!("partition {partition} no longer exists"));
        };
        if let Some(reason) = changed_beginning(known, now) {
            return Verdict::Recreated(format!("partition {partition} {reason}"));
        }
        if now.end < known.end {
            let (end, before) = (now.end, known.end);
            truncated.get_or_insert_with(|| {
                format!("partition {partition} ends at {end}, before its former end {before}")
            });
        }
    }
    truncated.map_or(Verdict::Same, Verdict::Truncated)
}

fn changed_beginning(known: &PartitionState, now: &PartitionState) -> Option<String> {
    let first = known.first?;
    if now.end <= first.offset {
        return Some(format!("ends at {}, before its former first record {}", now.end, first.offset));
    }
    let begins = now.first?;
    if begins.offset < first.offset {
        return Some(format!("begins at {}, before its former first record {}", begins.offset, first.offset));
    }
    (begins.offset == first.offset && begins.appended_at != first.appended_at).then(|| {
        let (before, after) = (first.appended_at, begins.appended_at);
        format!("begins with a record of {after}, and formerly with one of {before}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each state is the end, and the offset and second of the first record.
    fn partitions(states: &[(i64, Option<(i64, i64)>)]) -> Partitions {
        let state = |(end, first): &(i64, Option<(i64, i64)>)| PartitionState {
            end: *end,
            first: first.map(|(offset, second)| FirstRecord {
                offset,
                appended_at: Timestamp::from_second(second).unwrap(),
            }),
        };
        (0..).zip(states.iter().map(state)).collect()
    }

    fn verdict(known: &[(i64, Option<(i64, i64)>)], now: &[(i64, Option<(i64, i64)>)]) -> &'static str {
        match compare(&partitions(known), &partitions(now)) {
            Verdict::Same => "same",
            Verdict::Truncated(_) => "truncated",
            Verdict::Recreated(_) => "recreated",
        }
    }

    #[test]
    fn log_is_recognized_by_its_beginning() {
        const KNOWN: &[(i64, Option<(i64, i64)>)] = &[(10, Some((0, 100)))];
        const RETAINED: &[(i64, Option<(i64, i64)>)] = &[(50, Some((40, 100)))];
        const EMPTY: &[(i64, Option<(i64, i64)>)] = &[(0, None)];
        for (known, now, expected, why) in [
            (KNOWN, KNOWN, "same", "nothing happened"),
            (KNOWN, &[(12, Some((0, 100)))], "same", "it grew"),
            (KNOWN, &[(10, Some((0, 100))), (3, Some((0, 200)))], "same", "it got a partition"),
            (KNOWN, &[(12, Some((4, 130)))], "same", "retention deleted its beginning"),
            (KNOWN, &[(10, None)], "same", "retention deleted all of it"),
            (KNOWN, &[], "same", "it is missing"),
            (EMPTY, &[(9, Some((0, 300)))], "same", "its first records arrived"),
            (&[], KNOWN, "same", "it is seen for the first time"),
            (KNOWN, &[(7, Some((0, 100)))], "truncated", "a lagging replica took over"),
            (KNOWN, EMPTY, "recreated", "the new one is empty"),
            (KNOWN, &[(3, Some((0, 300)))], "recreated", "the new one is shorter"),
            (KNOWN, &[(99, Some((0, 300)))], "recreated", "the new one is longer"),
            (KNOWN, &[(10, Some((0, 99)))], "recreated", "the clock of the new one is behind"),
            (RETAINED, &[(60, Some((0, 300)))], "recreated", "retention moves no beginning back"),
            (RETAINED, &[(20, None)], "recreated", "it ends before it began"),
            (
                &[(0, None), (5, Some((0, 100)))],
                &[(2, Some((0, 300)))],
                "recreated",
                "it has fewer partitions",
            ),
            (
                &[(0, None), (5, Some((0, 100)))],
                &[(2, Some((0, 300))), (0, None)],
                "recreated",
                "one partition is enough",
            ),
            (
                &[(9, Some((0, 100))), (5, Some((0, 100)))],
                &[(2, Some((0, 100))), (7, Some((0, 300)))],
                "recreated",
                "a changed beginning matters more than an end",
            ),
        ] {
            assert_eq!(verdict(known, now), expected, "{why}");
        }
    }

    #[test]
    fn reason_names_partition_and_places() {
        let verdict = compare(&partitions(&[(10, Some((0, 100)))]), &partitions(&[(3, Some((0, 300)))]));
        let expected = "partition 0 begins with a record of 1970-01-01T00:05:00Z, and formerly with one of \
                        1970-01-01T00:01:40Z";
        assert_eq!(verdict, Verdict::Recreated(expected.to_owned()));
    }
}

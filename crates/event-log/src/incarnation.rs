//! Whether a log is the one that is known, by what can be seen of it: a pure function.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

/// The incarnation of a log that nothing has happened to.
pub const FIRST: i64 = 1;
/// Inboxes remember applied events this long: longer than any transport redelivers them. A group that starts over in another
/// incarnation reads no older records.
pub const INBOXES_REMEMBER: Duration = Duration::from_secs(7 * 24 * 3600);

/// The first record of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstRecord {
    pub offset: i64,
    pub appended_at: Timestamp,
}

/// One partition, as it is or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionState {
    /// The offset after the last record.
    pub end: i64,
    /// `None`: the partition has no record.
    pub first: Option<FirstRecord>,
}

/// Partitions by their number.
pub type Partitions = BTreeMap<i32, PartitionState>;

/// What became of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the known one, or nothing shows that it is not.
    Same,
    /// It is the known one, and its last records are gone, as after a replica that lagged behind took over.
    Cut(String),
    /// It is another one: the known one was deleted. The reason is for a person.
    MadeAnew(String),
}

/// Compares what was `known` of a log with what is seen `now`. All partitions of a log are made together, so one that is
/// another one speaks for all of them.
///
/// Only the beginning of a partition shows that the topic was made anew. If the first record has the same offset and another
/// time, it is another record. If its offset is lower, the topic is another one, because retention only moves the beginning
/// up. A higher beginning proves nothing, because retention may have moved it.
pub fn judge(known: &Partitions, now: &Partitions) -> Verdict {
    if now.is_empty() {
        return Verdict::Same; // It is not there, so it is not another one either.
    }
    let mut cut = None;
    for (partition, known) in known {
        let Some(now) = now.get(partition) else {
            return Verdict::MadeAnew(format!("partition {partition} is not there any more"));
        };
        if let Some(reason) = another_beginning(known, now) {
            return Verdict::MadeAnew(format!("partition {partition} {reason}"));
        }
        if now.end < known.end {
            let (end, before) = (now.end, known.end);
            cut.get_or_insert_with(|| format!("partition {partition} ends at {end}, and did at {before}"));
        }
    }
    cut.map_or(Verdict::Same, Verdict::Cut)
}

fn another_beginning(known: &PartitionState, now: &PartitionState) -> Option<String> {
    let first = known.first?;
    if now.end <= first.offset {
        return Some(format!("ends at {}, before the first record that it had, {}", now.end, first.offset));
    }
    let begins = now.first?;
    if begins.offset < first.offset {
        return Some(format!("begins at {}, and began at {}", begins.offset, first.offset));
    }
    (begins.offset == first.offset && begins.appended_at != first.appended_at).then(|| {
        let (before, after) = (first.appended_at, begins.appended_at);
        format!("begins with a record of {after}, and began with one of {before}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(end, first offset and its second)`.
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
        match judge(&partitions(known), &partitions(now)) {
            Verdict::Same => "same",
            Verdict::Cut(_) => "cut",
            Verdict::MadeAnew(_) => "anew",
        }
    }

    #[test]
    fn log_is_known_by_its_beginning() {
        const KNOWN: &[(i64, Option<(i64, i64)>)] = &[(10, Some((0, 100)))];
        const RETAINED: &[(i64, Option<(i64, i64)>)] = &[(50, Some((40, 100)))];
        const EMPTY: &[(i64, Option<(i64, i64)>)] = &[(0, None)];
        for (known, now, expected, why) in [
            (KNOWN, KNOWN, "same", "nothing happened"),
            (KNOWN, &[(12, Some((0, 100)))], "same", "it grew"),
            (KNOWN, &[(10, Some((0, 100))), (3, Some((0, 200)))], "same", "it got a partition"),
            (KNOWN, &[(12, Some((4, 130)))], "same", "retention deleted its beginning"),
            (KNOWN, &[(10, None)], "same", "retention deleted all of it"),
            (KNOWN, &[], "same", "it is not there"),
            (EMPTY, &[(9, Some((0, 300)))], "same", "its first records came"),
            (&[], KNOWN, "same", "it is seen for the first time"),
            (KNOWN, &[(7, Some((0, 100)))], "cut", "a replica that lagged behind took over"),
            (KNOWN, EMPTY, "anew", "the new one is empty"),
            (KNOWN, &[(3, Some((0, 300)))], "anew", "the new one is shorter"),
            (KNOWN, &[(99, Some((0, 300)))], "anew", "the new one is longer"),
            (KNOWN, &[(10, Some((0, 99)))], "anew", "the clock of the new one is behind"),
            (RETAINED, &[(60, Some((0, 300)))], "anew", "retention moves no beginning back"),
            (RETAINED, &[(20, None)], "anew", "it ends before it began"),
            (&[(0, None), (5, Some((0, 100)))], &[(2, Some((0, 300)))], "anew", "it has fewer partitions"),
            (
                &[(0, None), (5, Some((0, 100)))],
                &[(2, Some((0, 300))), (0, None)],
                "anew",
                "one says it for all",
            ),
            (
                &[(9, Some((0, 100))), (5, Some((0, 100)))],
                &[(2, Some((0, 100))), (7, Some((0, 300)))],
                "anew",
                "another beginning weighs more than an end",
            ),
        ] {
            assert_eq!(verdict(known, now), expected, "{why}");
        }
    }

    #[test]
    fn reason_names_partition_and_places() {
        let verdict = judge(&partitions(&[(10, Some((0, 100)))]), &partitions(&[(3, Some((0, 300)))]));
        let expected = "partition 0 begins with a record of 1970-01-01T00:05:00Z, and began with one of \
                        1970-01-01T00:01:40Z";
        assert_eq!(verdict, Verdict::MadeAnew(expected.to_owned()));
    }
}

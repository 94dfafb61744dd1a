//! Where a member begins to read a partition after the topic was deleted and created again.
//!
//! A committed position carries the incarnation of its topic (see [`event_log::incarnation`]); a position
//! without one belongs to the first incarnation. The position itself must carry the number: a member that has
//! not noticed the new topic yet still commits positions of the old one, and the next owner of the partition
//! must not begin there.

use std::time::Duration;

use event_log::incarnation::{FIRST, INBOXES_REMEMBER};
use jiff::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};

/// Maximum wait for one response of the brokers. The member does nothing else meanwhile.
const DEADLINE: Duration = Duration::from_secs(5);
/// Records older than this are not read again, because inboxes are about to forget them and would apply them
/// twice. A new topic has no record of that age, unless it was filled from a copy.
const BACK_TO: Duration = Duration::from_secs(INBOXES_REMEMBER.as_secs() - 24 * 3600);

/// The metadata of a position in a later incarnation than the first.
pub struct IncarnationMark(Option<String>);

impl IncarnationMark {
    pub fn of(incarnation: i64) -> Self {
        Self((incarnation > FIRST).then(|| format!("incarnation {incarnation}")))
    }

    pub fn put_on(&self, position: &mut TopicPartitionListElem<'_>) {
        if let Some(mark) = &self.0 {
            position.set_metadata(mark);
        }
    }

    fn is_on(&self, position: &TopicPartitionListElem<'_>) -> bool {
        self.0.as_ref().is_none_or(|mark| position.metadata() == mark)
    }
}

/// Sets each partition of `list` to its beginning, unless the group's position there carries `mark`.
///
/// # Errors
///
/// When the brokers do not return the positions.
pub fn start_over<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    mark: &IncarnationMark,
    list: &mut TopicPartitionList,
) -> KafkaResult<()> {
    if mark.0.is_none() || list.count() == 0 {
        return Ok(());
    }
    let since = Timestamp::now() - BACK_TO;
    let committed = consumer.committed_offsets(list.clone(), DEADLINE)?;
    let mut moments = TopicPartitionList::new();
    let mut ends = Vec::new();
    for position in committed.elements() {
        position.error()?;
        if mark.is_on(&position) {
            continue;
        }
        let (topic, partition) = (position.topic(), position.partition());
        // Taken before the lookup by time, so that records that arrive in between are read.
        let (_, end) = consumer.fetch_watermarks(topic, partition, DEADLINE)?;
        moments.add_partition_offset(topic, partition, Offset::Offset(since.as_millisecond()))?;
        ends.push(end);
    }
    if ends.is_empty() {
        return Ok(());
    }
    let begins = consumer.offsets_for_times(moments, DEADLINE)?;
    for (begin, end) in begins.elements().iter().zip(ends) {
        begin.error()?;
        let offset = match begin.offset() {
            Offset::Offset(offset) => offset,
            _ => end, // No record is that young.
        };
        list.set_partition_offset(begin.topic(), begin.partition(), Offset::Offset(offset))?;
    }
    Ok(())
}

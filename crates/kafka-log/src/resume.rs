//! Where a member begins to read a partition that it takes over, once the topic was made anew.
//!
//! A committed position carries the incarnation of the topic that it belongs to (see [`event_log::incarnation`]). A position
//! without one belongs to the first incarnation. The number has to be in the position itself: a member that has not noticed
//! the new topic yet commits its position in the old one, and the next owner of the partition must not begin there.

use std::time::Duration;

use event_log::incarnation::{FIRST, INBOXES_REMEMBER};
use jiff::Timestamp;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};

/// Longest wait for the brokers, per question. The member does nothing else meanwhile.
const DEADLINE: Duration = Duration::from_secs(5);
/// What is older than this is not read again: inboxes are about to forget it, and would let it be applied twice. A topic that
/// was made anew has nothing so old, unless it was filled from a copy.
const BACK_TO: Duration = Duration::from_secs(INBOXES_REMEMBER.as_secs() - 24 * 3600);

/// What a position carries that is none in the first incarnation.
pub struct Mark(Option<String>);

impl Mark {
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

/// Has the partitions of `list` begin at the beginning where the group's position carries another mark.
///
/// # Errors
///
/// When the brokers do not say where to begin: `list` is as it was then.
pub fn start_over<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    mark: &Mark,
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
        // Before the question below: what comes after this is read.
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
            _ => end, // There is nothing so young.
        };
        list.set_partition_offset(begin.topic(), begin.partition(), Offset::Offset(offset))?;
    }
    Ok(())
}

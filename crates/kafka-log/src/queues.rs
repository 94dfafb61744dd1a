//! Records that a member has received and not handed out yet.

use std::collections::VecDeque;

use event_log::Received;

/// One queue per partition; the first queue is served next.
pub type Queues = VecDeque<(i32, VecDeque<Received>)>;

pub fn enqueue(queues: &mut Queues, received: Received) {
    let partition = received.position.partition;
    match queues.iter_mut().find(|(of, _)| *of == partition) {
        Some((_, queue)) => queue.push_back(received),
        None => queues.push_back((partition, VecDeque::from([received]))),
    }
}

/// Takes up to `max` records, queue by queue. A queue with remaining records moves to the end.
pub fn take(queues: &mut Queues, max: usize) -> Vec<Received> {
    let mut batch = Vec::new();
    while batch.len() < max
        && let Some((partition, mut queue)) = queues.pop_front()
    {
        batch.extend(queue.drain(..queue.len().min(max - batch.len())));
        if !queue.is_empty() {
            queues.push_back((partition, queue));
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use event_log::{Position, Record};

    fn queues(records: impl IntoIterator<Item = (i32, i64)>) -> Queues {
        let mut queues = Queues::new();
        for (partition, offset) in records {
            let record = Record { key: None, payload: None, headers: Vec::new() };
            let position = Position { partition, offset };
            enqueue(&mut queues, Received { record, position, appended_at: Timestamp::default() });
        }
        queues
    }

    fn positions(batch: &[Received]) -> Vec<(i32, i64)> {
        batch.iter().map(|received| (received.position.partition, received.position.offset)).collect()
    }

    #[test]
    fn batch_has_the_records_of_all_partitions_in_order() {
        let mut queues = queues([(2, 7), (0, 3), (2, 8), (1, 5), (0, 4)]);
        assert_eq!(positions(&take(&mut queues, 10)), [(2, 7), (2, 8), (0, 3), (0, 4), (1, 5)]);
        assert!(queues.is_empty());
    }

    #[test]
    fn partition_with_a_backlog_is_served_after_the_others() {
        let mut queues = queues((0..5).map(|offset| (0, offset)).chain([(1, 9), (2, 9)]));
        assert_eq!(positions(&take(&mut queues, 3)), [(0, 0), (0, 1), (0, 2)]);
        assert_eq!(positions(&take(&mut queues, 3)), [(1, 9), (2, 9), (0, 3)]);
        assert_eq!(positions(&take(&mut queues, 3)), [(0, 4)]);
    }
}

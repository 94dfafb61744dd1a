//! The contract every transport keeps.

use crate::log::{Files, read, records};

const TOPIC: &str = "movie";

#[tokio::test]
async fn records_arrive_in_order_whole_and_once() {
    let files = Files::new();
    let transport = files.transport().await;
    let sent = records(0..100);
    transport.publish(TOPIC, &sent).await.unwrap();
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    let mut received = Vec::new();
    while received.len() < sent.len() {
        received.extend(subscription.receive(30).await.unwrap());
    }
    assert!(received.windows(2).all(|pair| pair[0].position.offset < pair[1].position.offset));
    let records: Vec<_> = received.into_iter().map(|received| received.record).collect();
    assert_eq!(records, sent);
}

#[tokio::test]
async fn what_was_not_committed_comes_again_after_a_crash() {
    let files = Files::new();
    files.transport().await.publish(TOPIC, &records(0..20)).await.unwrap();
    {
        let transport = files.transport().await;
        let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
        assert_eq!(read(subscription.as_mut(), 10, true).await, (0..10).collect::<Vec<_>>());
        assert_eq!(read(subscription.as_mut(), 5, false).await, (10..15).collect::<Vec<_>>());
    }
    let transport = files.transport().await;
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    assert_eq!(read(subscription.as_mut(), 10, true).await, (10..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_commit_in_the_middle_of_a_batch_is_where_it_resumes() {
    let files = Files::new();
    let transport = files.transport().await;
    transport.publish(TOPIC, &records(0..10)).await.unwrap();
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    let batch = subscription.receive(10).await.unwrap();
    subscription.commit(batch[3].position).await.unwrap();
    drop(subscription);
    let mut again = transport.subscribe(TOPIC, "one").await.unwrap();
    assert_eq!(read(again.as_mut(), 6, true).await, (4..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn groups_read_for_themselves_and_topics_do_not_mix() {
    let files = Files::new();
    let transport = files.transport().await;
    transport.publish("other", &records(900..910)).await.unwrap();
    transport.publish(TOPIC, &records(0..10)).await.unwrap();
    for group in ["one", "two"] {
        let mut subscription = transport.subscribe(TOPIC, group).await.unwrap();
        assert_eq!(read(subscription.as_mut(), 10, true).await, (0..10).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_waiting_group_gets_what_another_process_publishes() {
    let files = Files::new();
    let (reader, writer) = (files.transport().await, files.transport().await);
    let mut subscription = reader.subscribe(TOPIC, "one").await.unwrap();
    let waiting = tokio::spawn(async move { read(subscription.as_mut(), 3, true).await });
    writer.publish(TOPIC, &records(0..3)).await.unwrap();
    assert_eq!(waiting.await.unwrap(), [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_publish_at_once_and_nothing_is_lost() {
    let files = Files::new();
    let mut writers = Vec::new();
    for writer in 0..5 {
        let transport = files.transport().await;
        writers.push(tokio::spawn(async move {
            for number in 0..40 {
                let number = writer * 1000 + number;
                transport.publish(TOPIC, &records(number..number + 1)).await.unwrap();
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let transport = files.transport().await;
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    let mut numbers = read(subscription.as_mut(), 200, true).await;
    for writer in 0..5 {
        let own: Vec<usize> = numbers.iter().copied().filter(|number| number / 1000 == writer).collect();
        assert!(own.is_sorted(), "one writer's records keep their order: {own:?}");
    }
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 200);
}

#[tokio::test]
async fn a_backlog_of_100_000_records_is_read_to_its_end() {
    let files = Files::new();
    let transport = files.transport().await;
    for start in (0..100_000).step_by(5_000) {
        transport.publish(TOPIC, &records(start..start + 5_000)).await.unwrap();
    }
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    let numbers = read(subscription.as_mut(), 100_000, true).await;
    assert!(numbers.iter().copied().eq(0..100_000));
}

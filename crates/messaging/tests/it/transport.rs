//! The contract of all transports.

use std::collections::BTreeMap;

use event_log::Received;

use crate::log::{Files, on_both_transports};
use crate::records::{assert_complete, number, read, read_all, record, records};

const TOPIC: &str = "movie";

on_both_transports!(
    records_arrive_once_complete_and_in_order,
    payload_may_be_missing_empty_or_binary,
    uncommitted_records_are_redelivered_after_a_crash,
    group_resumes_at_a_commit_within_a_batch,
    groups_and_topics_are_independent,
    waiting_member_receives_records_of_another_process,
    dropping_a_receive_loses_no_record,
    concurrent_publishers_lose_no_record,
    backlog_of_100_000_records_is_read_to_its_end,
    history_ends_at_the_record_that_was_last_when_it_was_opened,
    history_of_an_empty_or_missing_topic_is_empty,
    reading_the_history_moves_no_group,
);

async fn records_arrive_once_complete_and_in_order(files: Files) {
    let transport = files.transport().await;
    let sent = records(0..100);
    transport.publish(TOPIC, &sent).await.unwrap();
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    let mut received = Vec::new();
    while received.len() < sent.len() {
        let batch = subscription.receive(30).await.unwrap();
        assert!((1..=30).contains(&batch.len()));
        received.extend(batch);
    }
    let mut reached = BTreeMap::new();
    for Received { position, .. } in &received {
        let before = reached.insert(position.partition, position.offset);
        assert!(before < Some(position.offset), "{before:?} comes before {position:?}");
    }
    assert_complete(received.iter().map(|received| number(&received.record)).collect(), 0..100);
    for received in received {
        assert_eq!(received.record, sent[number(&received.record)]);
    }
}

async fn payload_may_be_missing_empty_or_binary(files: Files) {
    let transport = files.transport().await;
    let mut tombstone = record("a", "");
    tombstone.payload = None;
    let mut binary = record("a", "");
    binary.payload = Some(vec![0, 159, 146, 150]);
    binary.headers.clear();
    let empty = record("a", "");
    let sent = [tombstone, binary, empty];
    transport.publish(TOPIC, &sent).await.unwrap();
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    let mut received = Vec::new();
    while received.len() < sent.len() {
        let batch = subscription.receive(10).await.unwrap();
        received.extend(batch.into_iter().map(|received| received.record));
    }
    assert_eq!(received, sent);
}

async fn uncommitted_records_are_redelivered_after_a_crash(files: Files) {
    files.transport().await.publish(TOPIC, &records(0..20)).await.unwrap();
    let committed = {
        let transport = files.transport().await;
        let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
        let committed = read(subscription.as_mut(), 10, true).await;
        let seen = read(subscription.as_mut(), 5, false).await;
        assert!(seen.iter().all(|number| !committed.contains(number)));
        committed
    };
    let transport = files.transport().await;
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    let rest = read(subscription.as_mut(), 10, true).await;
    assert_complete([committed, rest].concat(), 0..20);
}

async fn group_resumes_at_a_commit_within_a_batch(files: Files) {
    let transport = files.transport().await;
    let sent: Vec<_> = (0..10).map(|number: usize| record("a", &number.to_string())).collect();
    transport.publish(TOPIC, &sent).await.unwrap();
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    let mut received = Vec::new();
    while received.len() < 10 {
        received.extend(subscription.receive(10).await.unwrap());
    }
    subscription.commit(received[3].position).await.unwrap();
    drop(subscription);
    let mut again = transport.subscribe(TOPIC, "one").await.unwrap();
    assert_eq!(read(again.as_mut(), 6, true).await, (4..10).collect::<Vec<_>>());
}

async fn groups_and_topics_are_independent(files: Files) {
    let transport = files.transport().await;
    transport.publish("other", &records(900..910)).await.unwrap();
    transport.publish(TOPIC, &records(0..10)).await.unwrap();
    for group in ["one", "two"] {
        let mut subscription = transport.subscribe(TOPIC, group).await.unwrap();
        assert_complete(read(subscription.as_mut(), 10, true).await, 0..10);
    }
    let mut subscription = transport.subscribe("other", "one").await.unwrap();
    assert_complete(read(subscription.as_mut(), 10, true).await, 900..910);
}

async fn waiting_member_receives_records_of_another_process(files: Files) {
    let (reader, writer) = (files.transport().await, files.transport().await);
    let mut subscription = reader.subscribe(TOPIC, "one").await.unwrap();
    let waiting = tokio::spawn(async move { read(subscription.as_mut(), 3, true).await });
    writer.publish(TOPIC, &records(0..3)).await.unwrap();
    assert_complete(waiting.await.unwrap(), 0..3);
}

async fn dropping_a_receive_loses_no_record(files: Files) {
    let transport = files.transport().await;
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    let writer = tokio::spawn(async move {
        for number in 0..200 {
            transport.publish(TOPIC, &records(number..number + 1)).await.unwrap();
        }
    });
    let mut numbers = Vec::new();
    while numbers.len() < 200 {
        tokio::select! {
            biased;
            batch = subscription.receive(3) => {
                numbers.extend(batch.unwrap().iter().map(|received| number(&received.record)));
            }
            () = tokio::time::sleep(std::time::Duration::from_micros(500)) => {}
        }
    }
    writer.await.unwrap();
    assert_complete(numbers, 0..200);
}

async fn concurrent_publishers_lose_no_record(files: Files) {
    let mut writers = Vec::new();
    for writer in 0..5 {
        let transport = files.transport().await;
        writers.push(tokio::spawn(async move {
            for number in writer * 40..(writer + 1) * 40 {
                transport.publish(TOPIC, &records(number..number + 1)).await.unwrap();
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let transport = files.transport().await;
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    let numbers = read(subscription.as_mut(), 200, true).await;
    let mut all = Vec::new();
    for writer in 0..5 {
        let own: Vec<usize> = numbers.iter().copied().filter(|number| number / 40 == writer).collect();
        assert_complete(own.clone(), writer * 40..(writer + 1) * 40);
        all.extend(own);
    }
    assert_eq!(all.len(), numbers.len());
}

async fn backlog_of_100_000_records_is_read_to_its_end(files: Files) {
    let transport = files.transport().await;
    for start in (0..100_000).step_by(5_000) {
        transport.publish(TOPIC, &records(start..start + 5_000)).await.unwrap();
    }
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    let began = std::time::Instant::now();
    let numbers = read(subscription.as_mut(), 100_000, true).await;
    println!("{:.0} records/s", 100_000.0 / began.elapsed().as_secs_f64());
    assert_complete(numbers, 0..100_000);
}

async fn history_ends_at_the_record_that_was_last_when_it_was_opened(files: Files) {
    let transport = files.transport().await;
    let sent = records(0..5_000);
    transport.publish(TOPIC, &sent).await.unwrap();
    transport.publish("other", &records(900..910)).await.unwrap();
    let mut history = transport.history(TOPIC).await.unwrap();
    transport.publish(TOPIC, &records(5_000..5_100)).await.unwrap();
    assert_eq!(history.total(), 5_000);
    let received = read_all(history.as_mut(), 300).await;
    let mut last = BTreeMap::new();
    for received in &received {
        let position = received.position;
        assert!(last.insert(position.partition, position.offset) < Some(position.offset));
        assert_eq!(received.record, sent[number(&received.record)]);
    }
    assert_complete(received.iter().map(|received| number(&received.record)).collect(), 0..5_000);
    assert!(history.next(300).await.unwrap().is_empty(), "the end stays the end");

    let mut later = transport.history(TOPIC).await.unwrap();
    assert_eq!(later.total(), 5_100);
    assert_eq!(read_all(later.as_mut(), 1_000).await.len(), 5_100);
}

async fn history_of_an_empty_or_missing_topic_is_empty(files: Files) {
    let transport = files.transport().await;
    let mut missing = transport.history(TOPIC).await.unwrap();
    assert_eq!((missing.total(), missing.next(10).await.unwrap()), (0, Vec::new()));
    // Creates the topic on Kafka.
    drop(transport.subscribe(TOPIC, "one").await.unwrap());
    transport.publish("other", &records(0..1)).await.unwrap();
    let mut empty = transport.history(TOPIC).await.unwrap();
    assert_eq!((empty.total(), empty.next(10).await.unwrap()), (0, Vec::new()));
}

async fn reading_the_history_moves_no_group(files: Files) {
    let transport = files.transport().await;
    transport.publish(TOPIC, &records(0..20)).await.unwrap();
    let mut subscription = transport.subscribe(TOPIC, "one").await.unwrap();
    let first = read(subscription.as_mut(), 10, true).await;
    let mut history = transport.history(TOPIC).await.unwrap();
    assert_eq!(read_all(history.as_mut(), 100).await.len(), 20);
    drop((history, subscription));
    let mut again = transport.subscribe(TOPIC, "one").await.unwrap();
    let rest = read(again.as_mut(), 10, true).await;
    assert_complete([first, rest].concat(), 0..20);
}

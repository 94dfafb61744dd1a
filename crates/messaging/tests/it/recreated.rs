//! A log that is deleted and created again.

use std::time::Duration;

use event_log::{Received, Record};
use events::{Event, TOPIC, encode};
use messaging::incarnation::{self, check};
use messaging::{Consumer, Relay, outbox};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use storage::{Db, query, query_as};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::consumer::{Scribe, event, seen, seen_table};
use crate::log::{Files, on_both_transports};
use crate::relay::canceled;

/// Added to the numbers of the tests, because the handler refuses one of the first bookings.
const BOOKINGS: i64 = 1_000;
/// Maximum wait of a test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A service that writes bookings to its outbox and consumes those of the log.
struct Service {
    db: Db,
    stop: CancellationToken,
    running: Vec<JoinHandle<()>>,
}

impl Service {
    async fn start(files: &Files, db: &Db) -> Self {
        let stop = CancellationToken::new();
        let transport = files.transport().await;
        let consumer = Consumer::new("test", db.clone(), transport.clone(), Scribe::default());
        let relay = Relay::new(db.clone(), transport);
        let running = vec![tokio::spawn(consumer.run(stop.clone())), tokio::spawn(relay.run(stop.clone()))];
        Self { db: db.clone(), stop, running }
    }

    async fn books(&self, ids: std::ops::RangeInclusive<i64>) {
        for id in ids {
            append(&self.db, id).await;
        }
    }

    /// Waits until `ids` have been applied.
    async fn applies(&self, ids: std::ops::RangeInclusive<i64>) {
        until(async || seen(&self.db).await.len() >= ids.clone().count()).await;
    }

    async fn end(self) {
        self.stop.cancel();
        for task in self.running {
            task.await.unwrap();
        }
    }
}

async fn append(db: &Db, id: i64) {
    let mut tx = db.begin().await.unwrap();
    outbox::append(&mut tx, "test", canceled(BOOKINGS + id)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn until(done: impl AsyncFn() -> bool) {
    let waiting = async {
        while !done().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("the condition becomes true");
}

async fn applied(db: &Db) -> Vec<i64> {
    let mut ids: Vec<_> = seen(db).await.into_iter().map(|id| id - BOOKINGS).collect();
    ids.sort_unstable();
    ids
}

async fn unsent(db: &Db) -> i64 {
    let count = query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE sent_at IS NULL");
    let (count,) = db.read().await.unwrap().fetch_one(count).await.unwrap();
    count
}

/// Deletes the events' topic, and returns when it is gone.
async fn delete(files: &Files) {
    let (brokers, topic) = files.broker_and_topic();
    let deleted = admin(brokers).delete_topics(&[topic], &AdminOptions::new()).await.unwrap();
    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
    let reader: BaseConsumer = ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    until(async || {
        let metadata = reader.fetch_metadata(Some(topic), Duration::from_secs(5)).unwrap();
        metadata.topics().iter().all(|topic| topic.error().is_some())
    })
    .await;
}

async fn recreate(files: &Files) {
    delete(files).await;
    let (brokers, topic) = files.broker_and_topic();
    let new = NewTopic::new(topic, 12, TopicReplication::Fixed(1));
    until(async || {
        let made = admin(brokers).create_topics([&new], &AdminOptions::new()).await.unwrap();
        made.iter().all(Result::is_ok)
    })
    .await;
}

fn admin(brokers: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_recreated_under_a_running_service_loses_no_event_of_its_outbox() {
    let Some(files) = Files::kafka() else { return };
    let db = files.db(&seen_table()).await;
    let service = Service::start(&files, &db).await;
    service.books(1..=60).await;
    service.applies(1..=60).await;
    let transport = files.transport().await;
    // Wait until the service has stored the state of the first topic.
    let name = transport.name().unwrap().to_owned();
    until(async || {
        let known = query_as::<(i64,)>(
            "SELECT CAST(COUNT(*) AS BIGINT) FROM log_partitions WHERE log = $1 AND first_offset IS NOT NULL",
        );
        let known = known.bind(name.clone());
        db.read().await.unwrap().fetch_one(known).await.unwrap().0 > 0
    })
    .await;
    recreate(&files).await;
    // More than the old topic had, so that positions of the old one exist in the new one.
    service.books(61..=300).await;
    service.applies(1..=300).await;
    until(async || incarnation::current(&db, transport.as_ref()).await.unwrap() == 2).await;
    until(async || unsent(&db).await == 0).await;
    service.books(301..=310).await;
    service.applies(1..=310).await;
    service.end().await;
    assert!(applied(&db).await.into_iter().eq(1..=310), "each once");
    assert_eq!(incarnation::current(&db, transport.as_ref()).await.unwrap(), 2, "one topic, one incarnation");
}

/// The events were published to the old topic and not consumed. The new topic is longer than the old one.
#[tokio::test(flavor = "multi_thread")]
async fn next_start_sends_events_again_that_only_the_old_topic_had() {
    let Some(files) = Files::kafka() else { return };
    let db = files.db(&seen_table()).await;
    let service = Service::start(&files, &db).await;
    service.books(1..=20).await;
    service.applies(1..=20).await;
    service.end().await;
    let transport = files.transport().await;
    for id in 21..=40 {
        append(&db, id).await;
    }
    Relay::new(db.clone(), transport.clone()).drain().await.unwrap();
    check(&db, transport.as_ref(), "test").await.unwrap();

    recreate(&files).await;
    let others: Vec<_> =
        (41..=100).map(|id| event(BOOKINGS + id, &format!("of another service {id}"))).collect();
    files.transport().await.publish(TOPIC, &others).await.unwrap();
    let service = Service::start(&files, &db).await;
    service.applies(1..=100).await;
    until(async || unsent(&db).await == 0).await;
    service.end().await;
    assert!(applied(&db).await.into_iter().eq(1..=100), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_topic_is_reported_until_it_is_back() {
    let Some(files) = Files::kafka() else { return };
    let db = files.db(&seen_table()).await;
    let transport = files.transport().await;
    transport.publish(TOPIC, &[event(1, "a")]).await.unwrap();
    assert_eq!(check(&db, transport.as_ref(), "test").await.unwrap(), 1);
    delete(&files).await;
    assert_eq!(
        check(&db, transport.as_ref(), "test").await.unwrap(),
        1,
        "a missing topic is not another one"
    );
    let shown = transport.check().unwrap_err();
    assert!(shown.contains("was deleted"), "{shown}");
    files.transport().await.publish(TOPIC, &[event(2, "b")]).await.unwrap();
    until(async || check(&db, transport.as_ref(), "test").await.is_ok_and(|incarnation| incarnation == 2))
        .await;
    assert_eq!(transport.check(), Ok(()));
}

/// Brokers hear of a new topic shortly after its creation, so a first survey without it is no alarm. Here, a
/// deletion before the first survey stands for such a broker.
#[tokio::test(flavor = "multi_thread")]
async fn topic_that_no_survey_has_found_is_reported_as_deleted_by_the_second_one() {
    let Some(files) = Files::kafka() else { return };
    let db = files.db(&seen_table()).await;
    let transport = files.transport().await;
    transport.publish(TOPIC, &[event(1, "a")]).await.unwrap();
    delete(&files).await;
    for expected in ["do not know the topic", "was deleted"] {
        check(&db, transport.as_ref(), "test").await.unwrap();
        let shown = transport.check().unwrap_err();
        assert!(shown.contains(expected), "{shown}");
    }
}

on_both_transports!(
    unchanged_log_keeps_its_incarnation,
    event_without_an_id_is_new_in_a_recreated_topic,
    event_without_an_id_applied_by_an_earlier_version_is_not_applied_again,
);

async fn unchanged_log_keeps_its_incarnation(files: Files) {
    let db = files.db(&seen_table()).await;
    let transport = files.transport().await;
    // A broker that has just created the topic may not know its leaders yet.
    until(async || check(&db, transport.as_ref(), "test").await.is_ok()).await;
    for id in 1..=5 {
        append(&db, id).await;
        Relay::new(db.clone(), transport.clone()).drain().await.unwrap();
        until(async || check(&db, transport.as_ref(), "test").await.is_ok()).await;
        for _ in 0..3 {
            assert_eq!(check(&db, transport.as_ref(), "test").await.unwrap(), 1);
        }
    }
    assert_eq!(check(&db, files.transport().await.as_ref(), "test").await.unwrap(), 1);
    assert_eq!(unsent(&db).await, 0);
}

fn java(id: i64) -> Record {
    let at = "2021-02-23T13:32:28Z".parse().unwrap();
    Record {
        key: Some("1".to_owned()),
        payload: Some(encode(&Event::from(canceled(id)), at).into_bytes()),
        headers: Vec::new(),
    }
}

/// Publishes the first record of the log and receives it.
async fn first(files: &Files, id: i64) -> Received {
    let transport = files.transport().await;
    transport.publish(TOPIC, &[java(id)]).await.unwrap();
    let mut subscription = transport.subscribe(TOPIC, "reader").await.unwrap();
    subscription.receive(1).await.unwrap().remove(0)
}

async fn event_without_an_id_is_new_in_a_recreated_topic(files: Files) {
    let db = files.db(&seen_table()).await;
    let old = first(&files, 1).await;
    // Another event at the same position, a moment later.
    let mut new = Received { record: java(2), ..old.clone() };
    new.appended_at += Duration::from_millis(1);
    let consumer = Consumer::new("test", db.clone(), files.transport().await, Scribe::default());
    for received in [&old, &new, &old, &new] {
        consumer.apply_together(std::slice::from_ref(received)).await.unwrap();
    }
    assert_eq!(seen(&db).await, [1, 2]);
}

async fn event_without_an_id_applied_by_an_earlier_version_is_not_applied_again(files: Files) {
    let db = files.db(&seen_table()).await;
    let old = first(&files, 1).await;
    let (place, at) = (old.position, old.appended_at.as_microsecond());
    let mut tx = db.begin().await.unwrap();
    let remember = query("INSERT INTO inbox (consumer, event_id, seen_at) VALUES ('test', $1, $2)")
        .bind(format!("{TOPIC}/{}/{}", place.partition, place.offset))
        .bind(at + 5_000);
    tx.execute(remember).await.unwrap();
    tx.commit().await.unwrap();
    let consumer = Consumer::new("test", db.clone(), files.transport().await, Scribe::default());
    consumer.apply_together(std::slice::from_ref(&old)).await.unwrap();
    assert_eq!(seen(&db).await, [0; 0]);
    // A record appended to that position after the entry was written is another event.
    let mut new = Received { record: java(2), ..old };
    new.appended_at += Duration::from_millis(50);
    consumer.apply_together(std::slice::from_ref(&new)).await.unwrap();
    assert_eq!(seen(&db).await, [2]);
}

/// Removes the file of the embedded log, which processes with an open file do not notice.
fn remove_log(files: &Files) {
    for name in ["events.db", "events.db-wal", "events.db-shm"] {
        let _ = std::fs::remove_file(files.path().join(name));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn crashes_during_resend_lose_no_event_and_keep_the_order() {
    let files = Files::embedded();
    let db = files.db(&seen_table()).await;
    let mut tx = db.begin().await.unwrap();
    for id in 1..=2_500 {
        outbox::append(&mut tx, "test", canceled(id)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let transport = files.transport().await;
    Relay::new(db.clone(), transport.clone()).drain().await.unwrap();
    check(&db, transport.as_ref(), "test").await.unwrap();
    remove_log(&files);

    // Two processes notice the new log at the same time, and crash.
    let (one, two) = (files.transport().await, files.transport().await);
    let (one, two) = tokio::join!(check(&db, one.as_ref(), "test"), check(&db, two.as_ref(), "test"));
    assert_eq!((one.unwrap(), two.unwrap()), (2, 2));
    append(&db, 2_501 - BOOKINGS).await;
    // The next process marks one batch, and crashes.
    let transport = files.transport().await;
    assert_eq!(incarnation::mark_batch(&db, transport.name().unwrap()).await.unwrap(), Some(1_000));
    let relay = Relay::new(db.clone(), transport.clone());
    assert_eq!(relay.resend().await.unwrap(), 1_500);
    assert_eq!(relay.resend().await.unwrap(), 0);
    assert_eq!(relay.drain().await.unwrap(), 2_501);
    let mut history = transport.history(TOPIC).await.unwrap();
    let keys = crate::records::read_all(history.as_mut(), 1_000).await;
    let keys: Vec<i64> =
        keys.into_iter().map(|received| received.record.key.unwrap().parse().unwrap()).collect();
    assert!(keys.into_iter().eq(1..=2_501), "all, in the order of the outbox");
    assert_eq!(check(&db, transport.as_ref(), "test").await.unwrap(), 2);
    assert_eq!(relay.resend().await.unwrap(), 0, "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn next_start_recovers_from_a_removed_log_file() {
    let files = Files::embedded();
    let db = files.db(&seen_table()).await;
    let service = Service::start(&files, &db).await;
    service.books(1..=10).await;
    service.applies(1..=10).await;
    service.end().await;
    let transport = files.transport().await;
    append(&db, 11).await;
    Relay::new(db.clone(), transport.clone()).drain().await.unwrap();
    check(&db, transport.as_ref(), "test").await.unwrap();

    remove_log(&files);
    let service = Service::start(&files, &db).await;
    service.books(12..=13).await;
    service.applies(1..=13).await;
    until(async || unsent(&db).await == 0).await;
    service.end().await;
    assert!(applied(&db).await.into_iter().eq(1..=13), "each once");
}

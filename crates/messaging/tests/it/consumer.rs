//! Consuming events: from the log to the handler.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use event_log::{Received, Record, Transport};
use events::{DEAD_LETTER_TOPIC, Event, TOPIC, encode, headers};
use jiff::Timestamp;
use messaging::{BatchHandler, Consumer, Delivery, EventLog, Failure, Handler, connect};
use storage::{Db, Migrations, Tx, query, query_as};
use tokio_util::sync::CancellationToken;

use crate::log::{Files, on_both_transports};
use crate::relay::canceled;

on_both_transports!(
    duplicates_are_applied_once,
    event_without_an_id_is_identified_by_its_position,
    crash_between_transaction_and_commit_to_the_log_applies_nothing_twice,
    rejected_event_becomes_a_dead_letter_and_the_others_continue,
    undecodable_record_becomes_a_dead_letter_with_its_reason,
    tombstones_and_unknown_types_are_skipped,
    transient_failure_is_retried_in_order,
    batch_handler_receives_all_new_events_at_once,
    event_without_a_time_has_the_time_of_its_record,
    local_time_of_a_java_service_is_in_its_time_zone,
);

pub const POISON: i64 = 13;
const FLAKY: i64 = 7;

pub fn seen_table() -> Migrations {
    use sqlx::SqlSafeStr;
    let table = sqlx::migrate::Migration::new(
        101,
        "seen".into(),
        sqlx::migrate::MigrationType::Simple,
        "CREATE TABLE seen (place INTEGER PRIMARY KEY AUTOINCREMENT, booking BIGINT NOT NULL)".into_sql_str(),
        false,
    );
    Migrations {
        sqlite: sqlx::migrate::Migrator::with_migrations(vec![table]),
        postgres: sqlx::migrate::Migrator::DEFAULT,
    }
}

/// Records the booking of each event. It rejects one booking, and fails on another for a while.
#[derive(Clone, Default)]
pub struct Scribe {
    failures_left: Arc<AtomicUsize>,
}

impl Handler for Scribe {
    const READS: &[&str] = &["Canceled"];

    async fn handle(&self, tx: &mut Tx, delivery: Delivery) -> Result<(), Failure> {
        let id = delivery.event.booking_id().get();
        tx.execute(query("INSERT INTO seen (booking) VALUES ($1)").bind(id)).await?;
        if id == POISON {
            return Err(Failure::rejected("a rule forbids it"));
        }
        let failing =
            self.failures_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if id == FLAKY && failing.is_ok() {
            return Err(Failure::Transient("the database is unreachable".into()));
        }
        Ok(())
    }
}

/// An event. All have the same key, so that every transport keeps their order.
pub fn event(id: i64, event_id: &str) -> Record {
    let event = Event::from(canceled(id));
    let at = "2021-02-23T13:32:28Z".parse().unwrap();
    Record {
        key: Some("1".to_owned()),
        payload: Some(encode(&event, at).into_bytes()),
        headers: headers::headers(&event, event_id, "test", at, None),
    }
}

pub async fn seen(db: &Db) -> Vec<i64> {
    let rows: Vec<(i64,)> = db
        .read()
        .await
        .unwrap()
        .fetch_all(query_as("SELECT booking FROM seen ORDER BY place"))
        .await
        .unwrap();
    rows.into_iter().map(|(booking,)| booking).collect()
}

/// Publishes `records`, and consumes until `count` bookings are recorded.
async fn consume(files: &Files, db: &Db, scribe: Scribe, records: &[Record], count: usize) {
    let transport = files.transport().await;
    transport.publish(TOPIC, records).await.unwrap();
    run_until(db, transport, scribe, count).await;
}

async fn run_until(db: &Db, transport: Arc<dyn Transport>, scribe: Scribe, count: usize) {
    let consumer = Consumer::new("test", db.clone(), transport, scribe);
    let mut applied = consumer.applied();
    let stop = CancellationToken::new();
    let running = tokio::spawn(consumer.run(stop.clone()));
    while seen(db).await.len() < count {
        applied.changed().await.unwrap();
    }
    stop.cancel();
    running.await.unwrap();
}

async fn dead_letter(files: &Files) -> Record {
    let transport = files.transport().await;
    let mut letters = transport.subscribe(DEAD_LETTER_TOPIC, "test").await.unwrap();
    letters.receive(1).await.unwrap().remove(0).record
}

fn header<'r>(record: &'r Record, name: &str) -> &'r str {
    headers::find(&record.headers, name).unwrap_or_default()
}

async fn duplicates_are_applied_once(files: Files) {
    let db = files.db(&seen_table()).await;
    let (one, two) = (event(1, "a"), event(2, "b"));
    let records = [one.clone(), one.clone(), two.clone(), one, two, event(3, "c")];
    consume(&files, &db, Scribe::default(), &records, 3).await;
    assert_eq!(seen(&db).await, [1, 2, 3]);
}

async fn event_without_an_id_is_identified_by_its_position(files: Files) {
    let db = files.db(&seen_table()).await;
    let mut java = event(1, "");
    java.headers.clear();
    java.key = None;
    let records = [java.clone(), java, event(2, "b")];
    consume(&files, &db, Scribe::default(), &records, 3).await;
    let mut seen = seen(&db).await;
    seen.sort_unstable(); // Records without a key have no order.
    assert_eq!(seen, [1, 1, 2], "two records of the original services are two events");
}

async fn crash_between_transaction_and_commit_to_the_log_applies_nothing_twice(files: Files) {
    let db = files.db(&seen_table()).await;
    let transport = files.transport().await;
    transport.publish(TOPIC, &[event(1, "a"), event(2, "b")]).await.unwrap();
    let consumer = Consumer::new("test", db.clone(), transport.clone(), Scribe::default());
    let mut subscription = transport.subscribe(TOPIC, "test").await.unwrap();
    let batch = subscription.receive(10).await.unwrap();
    consumer.apply_together(&batch).await.unwrap();
    // The process crashes here, before it commits to the log.
    drop((subscription, consumer));
    consume(&files, &db, Scribe::default(), &[event(3, "c")], 3).await;
    assert_eq!(seen(&db).await, [1, 2, 3]);
}

async fn rejected_event_becomes_a_dead_letter_and_the_others_continue(files: Files) {
    let db = files.db(&seen_table()).await;
    let records = [event(1, "a"), event(POISON, "p"), event(2, "b")];
    consume(&files, &db, Scribe::default(), &records, 2).await;
    assert_eq!(seen(&db).await, [1, 2], "the write of the rejected event was rolled back");
    let letter = dead_letter(&files).await;
    assert_eq!(letter.payload, records[1].payload);
    assert_eq!(header(&letter, "ce_id"), "p");
    assert_eq!(header(&letter, "dlq-reason"), "a rule forbids it");
    assert_eq!(header(&letter, "dlq-consumer"), "test");
    assert_eq!((header(&letter, "dlq-topic"), header(&letter, "dlq-attempts")), ("movie", "1"));
    let mut topic = files.transport().await.subscribe(TOPIC, "another").await.unwrap();
    let refused = loop {
        let batch = topic.receive(1).await.unwrap();
        if batch[0].record == records[1] {
            break batch[0].position;
        }
    };
    assert_eq!(header(&letter, "dlq-partition"), refused.partition.to_string());
    assert_eq!(header(&letter, "dlq-offset"), refused.offset.to_string());
}

async fn undecodable_record_becomes_a_dead_letter_with_its_reason(files: Files) {
    let db = files.db(&seen_table()).await;
    let mut garbage = event(1, "a");
    garbage.payload = Some(b"not json".to_vec());
    consume(&files, &db, Scribe::default(), &[garbage, event(2, "b")], 1).await;
    assert_eq!(seen(&db).await, [2]);
    assert!(header(&dead_letter(&files).await, "dlq-reason").starts_with("not JSON"));
}

async fn tombstones_and_unknown_types_are_skipped(files: Files) {
    let db = files.db(&seen_table()).await;
    let (mut tombstone, mut unknown) = (event(1, "a"), event(1, "b"));
    tombstone.payload = None;
    unknown.payload = Some(br#"{"eventType":"Shipped","orderId":1}"#.to_vec());
    consume(&files, &db, Scribe::default(), &[tombstone, unknown, event(2, "c")], 1).await;
    assert_eq!(seen(&db).await, [2]);
}

async fn transient_failure_is_retried_in_order(files: Files) {
    let db = files.db(&seen_table()).await;
    let scribe = Scribe::default();
    scribe.failures_left.store(3, Ordering::SeqCst);
    let records = [event(FLAKY, "a"), event(2, "b"), event(3, "c")];
    consume(&files, &db, scribe, &records, 3).await;
    assert_eq!(seen(&db).await, [FLAKY, 2, 3]);
}

/// Records the batches that it receives.
#[derive(Clone, Default)]
struct Batches(Arc<Mutex<Vec<Batch>>>);

/// The booking and the time of each event in a batch.
type Batch = Vec<(i64, Timestamp)>;

impl BatchHandler for Batches {
    const READS: &[&str] = &["Canceled"];

    async fn handle_batch(&self, _: &mut Tx, deliveries: &[Delivery]) -> Result<(), Failure> {
        let batch = deliveries.iter().map(|delivery| (delivery.event.booking_id().get(), delivery.at));
        self.0.lock().unwrap().push(batch.collect());
        Ok(())
    }
}

impl Batches {
    fn ids(&self) -> Vec<Vec<i64>> {
        let batches = self.0.lock().unwrap();
        batches.iter().map(|batch| batch.iter().map(|(id, _)| *id).collect()).collect()
    }
}

async fn received(transport: &Arc<dyn Transport>, count: usize) -> Vec<Received> {
    let mut subscription = transport.subscribe(TOPIC, "reader").await.unwrap();
    let mut all = Vec::new();
    while all.len() < count {
        all.extend(subscription.receive(count).await.unwrap());
    }
    all
}

async fn batch_handler_receives_all_new_events_at_once(files: Files) {
    let db = files.db(&seen_table()).await;
    let transport = files.transport().await;
    let records = [event(1, "a"), event(2, "b"), event(2, "b"), event(3, "c"), event(1, "a"), event(4, "d")];
    transport.publish(TOPIC, &records).await.unwrap();
    let batch = received(&transport, records.len()).await;
    let batches = Batches::default();
    let consumer = Consumer::new("test", db, transport, batches.clone());
    consumer.apply_together(&batch[..2]).await.unwrap();
    consumer.apply_together(&batch).await.unwrap();
    assert_eq!(batches.ids(), [vec![1, 2], vec![3, 4]]);
}

async fn local_time_of_a_java_service_is_in_its_time_zone(files: Files) {
    let db = files.db(&seen_table()).await;
    for (zone, at) in [("Asia/Seoul", "2021-02-23T04:32:28Z"), ("+00:00", "2021-02-23T13:32:28Z")] {
        let mut log: EventLog = files.events_url().parse().unwrap();
        log.seed_time_zone = zone.parse().unwrap();
        let transport = connect(&log).await.unwrap();
        let mut java = event(1, "");
        java.headers.clear();
        java.payload = Some(br#"{"eventType":"Canceled","timestamp":"20210223133228","id":1}"#.to_vec());
        transport.publish(TOPIC, &[java]).await.unwrap();
        let batch = received(&transport, 1).await;
        let batches = Batches::default();
        let name = if zone == "+00:00" { "utc" } else { "seoul" };
        let consumer = Consumer::new(name, db.clone(), transport, batches.clone());
        consumer.apply_together(&batch[..1]).await.unwrap();
        assert_eq!(batches.0.lock().unwrap()[0], [(1, at.parse().unwrap())], "{zone}");
    }
}

async fn event_without_a_time_has_the_time_of_its_record(files: Files) {
    let db = files.db(&seen_table()).await;
    let transport = files.transport().await;
    let mut timeless = event(1, "");
    timeless.headers.clear();
    timeless.payload = Some(br#"{"eventType":"Canceled","id":1}"#.to_vec());
    let before = Timestamp::now();
    transport.publish(TOPIC, &[timeless]).await.unwrap();
    let after = Timestamp::now();
    let batch = received(&transport, 1).await;
    let batches = Batches::default();
    let consumer = Consumer::new("test", db, transport, batches.clone());
    consumer.apply_together(&batch).await.unwrap();
    let (_, at) = batches.0.lock().unwrap()[0][0];
    // A broker has milliseconds only.
    assert!(before.as_millisecond() <= at.as_millisecond() && at <= after, "{before} {at} {after}");
}

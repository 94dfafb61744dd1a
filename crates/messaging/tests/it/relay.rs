//! Relaying events: from the outbox to the log.

use event_log::incarnation::INBOXES_REMEMBER;
use events::{BookingId, Canceled, TOPIC};
use messaging::{Relay, outbox};
use storage::{Clock, Db, Migrations, query};

use crate::log::{Files, on_both_transports};

pub const NO_TABLES: Migrations =
    Migrations { sqlite: sqlx::migrate::Migrator::DEFAULT, postgres: sqlx::migrate::Migrator::DEFAULT };

pub fn canceled(id: i64) -> Canceled {
    Canceled { id: BookingId::new(id).unwrap(), status: None }
}

on_both_transports!(
    only_committed_events_are_published,
    crash_between_publish_and_mark_publishes_the_event_again,
    backlog_larger_than_a_batch_is_published_in_order,
    relay_wakes_at_a_commit_and_drains_at_its_stop,
    old_rows_are_pruned_unless_unsent,
);

async fn append(db: &Db, id: i64) {
    let mut tx = db.begin().await.unwrap();
    outbox::append(&mut tx, "test", canceled(id)).await.unwrap();
    tx.commit().await.unwrap();
}

/// The next `count` booking ids on the log, each with its partition, within which they are ordered.
async fn on_the_log(files: &Files, count: usize) -> Vec<(i32, i64)> {
    let mut subscription = files.transport().await.subscribe(TOPIC, "test").await.unwrap();
    let mut found = Vec::new();
    while found.len() < count {
        for received in subscription.receive(100).await.unwrap() {
            found.push((received.position.partition, received.record.key.unwrap().parse().unwrap()));
        }
    }
    found
}

async fn ids_on_the_log(files: &Files, count: usize) -> Vec<i64> {
    let mut ids: Vec<_> = on_the_log(files, count).await.into_iter().map(|(_, id)| id).collect();
    ids.sort_unstable();
    ids
}

async fn only_committed_events_are_published(files: Files) {
    let db = files.db(&NO_TABLES).await;
    let relay = Relay::new(db.clone(), files.transport().await);
    let mut tx = db.begin().await.unwrap();
    outbox::append(&mut tx, "test", canceled(1)).await.unwrap();
    drop(tx);
    append(&db, 2).await;
    append(&db, 3).await;
    assert_eq!(relay.drain().await.unwrap(), 2);
    assert_eq!(relay.drain().await.unwrap(), 0);
    assert_eq!(ids_on_the_log(&files, 2).await, [2, 3]);
}

async fn crash_between_publish_and_mark_publishes_the_event_again(files: Files) {
    let db = files.db(&NO_TABLES).await;
    append(&db, 1).await;
    let relay = Relay::new(db.clone(), files.transport().await);
    relay.drain().await.unwrap();
    // As after a crash before the mark.
    let mut tx = db.begin().await.unwrap();
    tx.execute(query("UPDATE outbox SET sent_at = NULL")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(relay.drain().await.unwrap(), 1);

    let mut subscription = files.transport().await.subscribe(TOPIC, "test").await.unwrap();
    let mut received = subscription.receive(1).await.unwrap();
    received.extend(subscription.receive(10).await.unwrap());
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].record, received[1].record, "the same id, so the inbox recognizes it");
}

async fn backlog_larger_than_a_batch_is_published_in_order(files: Files) {
    let db = files.db(&NO_TABLES).await;
    let mut tx = db.begin().await.unwrap();
    for id in 1..=1_200 {
        outbox::append(&mut tx, "test", canceled(id)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let relay = Relay::new(db, files.transport().await);
    assert_eq!(relay.drain().await.unwrap(), 1_200);
    let mut found = on_the_log(&files, 1_200).await;
    found.sort_by_key(|(partition, _)| *partition);
    assert!(found.is_sorted(), "the records of a partition are in the order of the outbox");
    let mut ids: Vec<_> = found.into_iter().map(|(_, id)| id).collect();
    ids.sort_unstable();
    assert!(ids.into_iter().eq(1..=1_200));
}

async fn relay_wakes_at_a_commit_and_drains_at_its_stop(files: Files) {
    let db = files.db(&NO_TABLES).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let relay = Relay::new(db.clone(), files.transport().await);
    let running = tokio::spawn(relay.run(stop.clone()));
    append(&db, 1).await;
    assert_eq!(ids_on_the_log(&files, 1).await, [1]);
    append(&db, 2).await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(ids_on_the_log(&files, 2).await, [1, 2]);
}

/// Adds an entry to the inbox.
async fn remember(db: &Db, event: &str) {
    let mut tx = db.begin().await.unwrap();
    let entry = query("INSERT INTO inbox (consumer, event_id, seen_at) VALUES ('test', $1, $2)")
        .bind(event.to_owned())
        .bind(tx.now().as_microsecond());
    tx.execute(entry).await.unwrap();
    tx.commit().await.unwrap();
}

async fn old_rows_are_pruned_unless_unsent(files: Files) {
    let clock = Clock::movable();
    let db = files.db(&NO_TABLES).await.with_clock(clock.clone());
    let relay = Relay::new(db.clone(), files.transport().await);
    append(&db, 1).await;
    relay.drain().await.unwrap();
    append(&db, 2).await;
    remember(&db, "old").await;
    clock.advance(INBOXES_REMEMBER);
    remember(&db, "new").await;

    messaging::retention::prune(&db, &[]).await.unwrap();

    let mut conn = db.read().await.unwrap();
    let left: Vec<(String,)> = conn
        .fetch_all(storage::query_as("SELECT aggregateid FROM outbox UNION ALL SELECT event_id FROM inbox"))
        .await
        .unwrap();
    assert_eq!(left, [("2".to_owned(),), ("new".to_owned(),)]);
}

//! Retention deletes old rows as fast as they are added.

use std::collections::BTreeSet;

use book::store::request_keys::PRUNED;
use messaging::retention::{self, EVENTS};
use storage::{Backend, Db, query, query_as, query_as_built, query_built};

use crate::app::App;

/// Adds `rows` rows that were due in 1970, each a microsecond after the one before; `insert` selects them
/// from the numbers `i`.
async fn fill(db: &Db, insert: &str, rows: i64) {
    let (into, select) = insert.split_once("SELECT").unwrap();
    let statement = format!(
        "{into} WITH RECURSIVE numbers(i) AS (SELECT CAST($1 AS BIGINT) UNION ALL SELECT i - 1 FROM numbers WHERE i > 1)
         SELECT {select} FROM numbers"
    );
    let mut tx = db.begin().await.unwrap();
    tx.execute(query_built(statement).bind(rows)).await.unwrap();
    tx.commit().await.unwrap();
}

const SEEN: &str = "INSERT INTO inbox (consumer, event_id, seen_at) SELECT 'test', CAST(i AS TEXT), i";
const SENT: &str =
    "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, headers, occurred_at, sent_at)
    SELECT CAST(i AS TEXT), 'booking', '1', 'Booked', '{}', '[]', i, CASE WHEN i = 1500 THEN NULL ELSE i END";
const KEYS: &str = "INSERT INTO request_keys (scope, key, fingerprint, booking_id, created_at)
    SELECT 'shared', CAST(i AS TEXT), '', i, i";
const OLDER_KEYS: &str = "INSERT INTO idempotency_keys (key, fingerprint, booking_id, created_at)
    SELECT CAST(i AS TEXT), '', i, i";

async fn rows_of(db: &Db, table: &str) -> i64 {
    let count = query_as_built::<(i64,)>(format!("SELECT CAST(COUNT(*) AS BIGINT) FROM {table}"));
    db.read().await.unwrap().fetch_one(count).await.unwrap().0
}

#[tokio::test]
async fn one_pass_deletes_all_due_rows() {
    let app = App::new().await;
    let db = &app.scratch.db;
    for (insert, rows) in [(SEEN, 52_000), (SENT, 2_500), (KEYS, 2_500), (OLDER_KEYS, 1_500)] {
        fill(db, insert, rows).await;
    }
    let mut tx = db.begin().await.unwrap();
    let young = query("INSERT INTO inbox (consumer, event_id, seen_at) VALUES ('test', 'young', $1)");
    let now = tx.now().as_microsecond();
    tx.execute(young.bind(now)).await.unwrap();
    tx.commit().await.unwrap();

    retention::prune(db, &PRUNED).await.unwrap();
    assert_eq!(rows_of(db, "inbox").await, 1, "the young one");
    assert_eq!(rows_of(db, "outbox").await, 1, "the one that was never sent");
    assert_eq!(rows_of(db, "request_keys").await, 0);
    assert_eq!(rows_of(db, "idempotency_keys").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_transactions_write_between_two_batches() {
    const DUE: i64 = 20_000;
    let app = App::new().await;
    let db = app.scratch.db.clone();
    fill(&db, SEEN, DUE).await;
    let pruning = tokio::spawn({
        let db = db.clone();
        async move { retention::prune(&db, &PRUNED).await }
    });
    let mut left = BTreeSet::new();
    while !pruning.is_finished() {
        let mut tx = db.begin().await.unwrap();
        tx.execute(query("UPDATE log_incarnations SET since = 0")).await.unwrap();
        let count = query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM inbox");
        let (rows,): (i64,) = tx.fetch_one(count).await.unwrap();
        tx.commit().await.unwrap();
        left.insert(rows);
    }
    pruning.await.unwrap().unwrap();
    let between = left.iter().filter(|rows| (1..DUE).contains(rows)).count();
    assert!(between > 0, "{left:?}");
    assert_eq!(rows_of(&db, "inbox").await, 0);
}

#[tokio::test]
async fn index_finds_due_rows() {
    let app = App::new().await;
    if app.scratch.db.backend() != Backend::Sqlite {
        return;
    }
    let mut conn = app.scratch.db.read().await.unwrap();
    for table in EVENTS.iter().chain(&PRUNED) {
        for statement in table.statements() {
            let explain =
                query_as_built::<(i64, i64, i64, String)>(format!("EXPLAIN QUERY PLAN {statement}"));
            let plan = conn.fetch_all(explain.bind(0_i64).bind(1_000_i64).bind(0_i64)).await.unwrap();
            let plan: Vec<String> = plan.into_iter().map(|(.., step)| step).collect();
            let search = format!("SEARCH {} USING", table.table());
            assert!(plan.iter().any(|step| step.starts_with(&search)), "{statement}: {plan:?}");
            let scan = format!("SCAN {}", table.table());
            assert!(
                !plan.iter().any(|step| step.starts_with(&scan) || step.contains("TEMP B-TREE")),
                "{plan:?}"
            );
        }
    }
}

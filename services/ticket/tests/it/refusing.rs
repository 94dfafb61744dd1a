//! A database that responds but rejects statements: work waits until an operator has repaired it.

use futures_util::future::join_all;
use messaging::Failure;
use serde_json::json;
use storage::{Backend, Conn, Db, Settings, query, query_as, query_built};
use test_kit::{Answer, fleet};

use crate::app::{App, booked, outcome};

/// Maximum number of connections in the pool.
const POOL: usize = 8;

/// Makes the database read-only, for every session.
async fn make_read_only(app: &App) {
    let db = &app.scratch.db;
    if db.backend() == Backend::Sqlite {
        let mut tx = db.begin().await.unwrap();
        tx.execute(query("PRAGMA query_only = ON")).await.unwrap();
        tx.commit().await.unwrap();
        return;
    }
    alter_default(app, "SET default_transaction_read_only = on").await;
    end_sessions(app).await;
}

/// Makes the database writable, as an operator would. Existing sessions stay read-only; SQLite has only such
/// a session.
async fn make_writable(app: &App) {
    if app.scratch.db.backend() == Backend::Postgres {
        alter_default(app, "RESET default_transaction_read_only").await;
    }
}

async fn alter_default(app: &App, change: &str) {
    let mut admin = admin(app).await;
    let name = query_as("SELECT CAST(current_database() AS TEXT)");
    let (name,): (String,) = admin.fetch_one(name).await.unwrap();
    admin.execute(query("SET default_transaction_read_only = off")).await.unwrap();
    admin.execute(query_built(format!("ALTER DATABASE {name} {change}"))).await.unwrap();
}

/// Ends all sessions of the service on PostgreSQL, and uses each connection so that the pool notices.
async fn end_sessions(app: &App) {
    let mut admin = admin(app).await;
    let end = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    while admin.fetch_one::<(i64,)>(query_as(end)).await.unwrap() != (0,) {}
    let connections = join_all((0..POOL).map(|_| app.scratch.db.read())).await;
    for mut connection in connections.into_iter().flatten() {
        // It fails if the session has ended.
        let _ = connection.execute(query("SELECT 1")).await;
    }
}

/// Opens a session outside the service's pool.
async fn admin(app: &App) -> Conn {
    let db = Db::open(&app.scratch.backends.database_url, Settings::default()).await.unwrap();
    db.read().await.unwrap()
}

/// [`App::settled`] after the read-only sessions have been ended.
async fn settled(app: App) {
    if app.scratch.db.backend() == Backend::Postgres {
        end_sessions(&app).await;
    }
    app.settled().await;
}

async fn rename(db: &Db, table: &str, name: &str) {
    let mut tx = db.begin().await.unwrap();
    tx.execute(query_built(format!("ALTER TABLE {table} RENAME TO {name}"))).await.unwrap();
    tx.commit().await.unwrap();
}

fn db_component(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.body["components"]["db"]["status"].as_str().unwrap())
}

#[tokio::test]
async fn event_waits_while_the_database_is_read_only_and_is_applied_afterwards() {
    let app = App::new().await;
    make_read_only(&app).await;
    let refused = fleet::deliver(&app.consumer, booked(1)).await;
    assert!(matches!(refused, Err(Failure::Transient(_))), "{refused:?}");
    make_writable(&app).await;
    deliver_until_writable(&app).await;
    assert_eq!(app.status(1).await, "Waiting");
    settled(app).await;
}

/// Retries until the event is applied. A rejected statement ends its session, so each attempt leaves one
/// fewer read-only session.
async fn deliver_until_writable(app: &App) {
    let record = fleet::record(&booked(1).into());
    for _ in 0..=POOL {
        match app.consumer.apply_together(std::slice::from_ref(&record)).await {
            Ok(()) => return,
            Err(Failure::Transient(_)) => {}
            Err(rejected) => panic!("{rejected:?}"),
        }
    }
    panic!("the database accepts writes, but every session stays read-only");
}

#[tokio::test]
async fn process_stays_ready_and_reports_a_read_only_database_as_degraded() {
    let app = App::new().await;
    assert_eq!(db_component(&app.client.get("/readyz").await), (200, "UP"));
    make_read_only(&app).await;
    let degraded = app.client.get("/readyz").await;
    assert_eq!(db_component(&degraded), (200, "DEGRADED"));
    let detail = degraded.body["components"]["db"]["detail"].as_str().unwrap();
    assert!(detail.contains("read"), "{detail}");
    make_writable(&app).await;
    let mut attempts = 0..=POOL;
    while db_component(&app.client.get("/readyz").await) != (200, "UP") {
        assert!(attempts.next().is_some(), "readiness still reports a read-only database");
    }
    settled(app).await;
}

#[tokio::test]
async fn process_is_not_ready_while_a_table_is_missing() {
    let app = App::new().await;
    rename(&app.scratch.db, "tickets", "tickets_elsewhere").await;
    let unready = app.client.get("/readyz").await;
    assert_eq!(db_component(&unready), (503, "DOWN"));
    assert!(unready.body["reason"].as_str().unwrap().contains("tickets"), "{}", unready.body);
    rename(&app.scratch.db, "tickets_elsewhere", "tickets").await;
    assert_eq!(db_component(&app.client.get("/readyz").await), (200, "UP"));
    app.settled().await;
}

#[tokio::test]
async fn event_waits_and_requests_get_503_while_a_table_is_missing() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    rename(&app.scratch.db, "tickets", "tickets_elsewhere").await;
    let refused = fleet::deliver(&app.consumer, booked(2)).await;
    assert!(matches!(refused, Err(Failure::Transient(_))), "{refused:?}");
    assert_eq!(outcome(&app.client.get("/tickets/1").await), (503, "unavailable"));
    assert_eq!(outcome(&app.collect(1).await), (503, "unavailable"));
    rename(&app.scratch.db, "tickets_elsewhere", "tickets").await;
    app.deliver(booked(2)).await;
    assert_eq!((app.status(1).await.as_str(), app.status(2).await.as_str()), ("Waiting", "Waiting"));
    app.settled().await;
}

#[tokio::test]
async fn event_that_violates_a_constraint_is_rejected() {
    let app = App::new().await;
    let mut tx = app.scratch.db.begin().await.unwrap();
    let violating =
        "INSERT INTO inbox (consumer, event_id, seen_at) VALUES ('ticket', 'a', 1), ('ticket', 'a', 1)";
    let error = tx.execute(query(violating)).await.unwrap_err();
    assert!(matches!(Failure::from(error), Failure::Rejected(_)));
    drop(tx);
    app.settled().await;
}

#[tokio::test]
async fn database_failure_after_the_points_are_granted_leaves_the_outcome_unknown() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    rename(&app.scratch.db, "outbox", "outbox_elsewhere").await;
    let answer = app.collect(1).await;
    assert_eq!(outcome(&answer), (504, "outcome-unknown"));
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!(app.point.requests().len(), 1, "the points were granted");
    assert_eq!(app.status(1).await, "Printing");
    rename(&app.scratch.db, "outbox_elsewhere", "outbox").await;
    let collected = app.collect(1).await;
    assert_eq!((collected.status.as_u16(), &collected.body["status"]), (200, &json!("Printed")));
    app.settled().await;
}

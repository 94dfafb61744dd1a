//! Transactions, deadlines, migrations.

use std::time::Duration;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use storage::{Db, Error, Migrations, Settings, query, query_as};
use tempfile::TempDir;

const QUICK: Settings = Settings {
    max_connections: 2,
    acquire_timeout: Duration::from_millis(500),
    statement_timeout: Duration::from_millis(100),
};

fn migrations(versions: &[(i64, &'static str)]) -> Migrations {
    let migrations = versions
        .iter()
        .map(|(version, sql)| {
            Migration::new(*version, "test".into(), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .collect();
    Migrations { sqlite: Migrator::with_migrations(migrations), postgres: Migrator::DEFAULT }
}

const SEATS: (i64, &str) = (1, "CREATE TABLE seats (name TEXT NOT NULL CONSTRAINT seats_name UNIQUE)");

async fn open(directory: &TempDir, settings: Settings) -> Db {
    let url = format!("sqlite://{}/test.db", directory.path().display());
    Db::open(&url.parse().unwrap(), settings).await.unwrap()
}

async fn seats(directory: &TempDir) -> Db {
    let db = open(directory, QUICK).await;
    db.migrate(&[&migrations(&[SEATS])]).await.unwrap();
    db
}

async fn take(db: &Db, seat: &str) -> u64 {
    let mut tx = db.begin().await.unwrap();
    let insert = query("INSERT INTO seats (name) VALUES ($1) ON CONFLICT DO NOTHING").bind(seat.to_owned());
    let taken = tx.execute(insert).await.unwrap();
    tx.commit().await.unwrap();
    taken
}

async fn count(db: &Db) -> i64 {
    let count = query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM seats");
    let (count,): (i64,) = db.read().await.unwrap().fetch_one(count).await.unwrap();
    count
}

#[tokio::test]
async fn what_is_not_committed_never_happened_and_the_next_one_may_write() {
    let directory = TempDir::new().unwrap();
    let db = seats(&directory).await;
    let mut tx = db.begin().await.unwrap();
    tx.execute(query("INSERT INTO seats (name) VALUES ('1A')")).await.unwrap();
    drop(tx);
    assert_eq!(take(&db, "1B").await, 1);
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn a_begin_that_is_given_up_does_not_block_the_writer() {
    let directory = TempDir::new().unwrap();
    let db = seats(&directory).await;
    for _ in 0..50 {
        let mut begin = Box::pin(db.begin());
        // Polled once and dropped: the statement may be on its way to the database.
        let _ = poll_once(&mut begin).await;
        drop(begin);
    }
    assert_eq!(take(&db, "1A").await, 1);
}

/// Polls `future` once.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn of_many_who_want_one_seat_one_gets_it() {
    let directory = TempDir::new().unwrap();
    let db = seats(&directory).await;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move { take(&db, "1A").await })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        taken += task.await.unwrap();
    }
    assert_eq!(taken, 1);
}

#[tokio::test]
async fn a_reader_does_not_wait_for_the_writer_and_sees_only_what_is_committed() {
    let directory = TempDir::new().unwrap();
    let db = seats(&directory).await;
    let mut tx = db.begin().await.unwrap();
    tx.execute(query("INSERT INTO seats (name) VALUES ('1A')")).await.unwrap();
    assert_eq!(count(&db).await, 0);
    tx.commit().await.unwrap();
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn a_lock_held_by_another_process_is_a_failure_that_passes() {
    let directory = TempDir::new().unwrap();
    let (one, other) = (seats(&directory).await, open(&directory, QUICK).await);
    let held = one.begin().await.unwrap();
    let error = other.begin().await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    drop(held);
    assert_eq!(take(&other, "1A").await, 1);
}

#[tokio::test]
async fn a_statement_over_its_deadline_fails_and_the_pool_recovers() {
    let directory = TempDir::new().unwrap();
    let db = seats(&directory).await;
    let slow = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 20000000)
                SELECT CAST(COUNT(*) AS BIGINT) FROM n";
    let mut tx = db.begin().await.unwrap();
    let error = tx.fetch_one::<(i64,)>(query_as(slow)).await.unwrap_err();
    assert!(matches!(error, Error::Deadline), "{error:?}");
    let error = tx.execute(query("SELECT 1")).await.unwrap_err();
    assert!(matches!(error, Error::Deadline), "a detached connection is not used again: {error:?}");
    drop(tx);
    // The abandoned statement only read: the writer's place in the pool and its lock are free again.
    let mut attempts = 0;
    while let Err(error) = db.begin().await {
        assert!(error.is_transient() && attempts < 50, "{error:?}");
        attempts += 1;
    }
    assert_eq!(take(&db, "1A").await, 1);
}

#[tokio::test]
async fn migrations_run_once_and_a_newer_schema_is_refused() {
    let directory = TempDir::new().unwrap();
    let db = seats(&directory).await;
    db.migrate(&[&migrations(&[SEATS])]).await.unwrap();
    let newer = migrations(&[SEATS, (2, "CREATE TABLE halls (name TEXT NOT NULL)")]);
    db.migrate(&[&newer]).await.unwrap();
    let error = db.migrate(&[&migrations(&[SEATS])]).await.unwrap_err();
    assert!(matches!(error, Error::Migration(_)), "{error:?}");
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_says_so() {
    let url = "sqlite:///dev/null/nowhere.db".parse().unwrap();
    let error = Db::open(&url, QUICK).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn the_transaction_after_a_relaxed_one_waits_for_the_disk_again() {
    let directory = TempDir::new().unwrap();
    let db = seats(&directory).await;
    let synchronous = async || {
        let mut tx = db.begin().await.unwrap();
        let (level,) = tx.fetch_one::<(i64,)>(query_as("PRAGMA synchronous")).await.unwrap();
        level
    };
    const FULL: i64 = 2;
    for commit in [true, false] {
        let mut relaxed = db.begin_relaxed().await.unwrap();
        relaxed.execute(query("DELETE FROM seats")).await.unwrap();
        let (level,) = relaxed.fetch_one::<(i64,)>(query_as("PRAGMA synchronous")).await.unwrap();
        assert_ne!(level, FULL);
        if commit {
            relaxed.commit().await.unwrap();
        } else {
            drop(relaxed);
        }
        assert_eq!(synchronous().await, FULL);
    }
}

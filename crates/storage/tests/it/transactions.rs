//! Tests of transactions, deadlines and migrations.

use std::time::{Duration, Instant};

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use storage::{
    Backend, Connections, DatabaseUrl, Db, Error, MAX_VALUES, Migrations, Settings, Task, Tx, query,
    query_as, query_as_built,
};
use tempfile::TempDir;
use test_kit::scratch::database_url;

const QUICK: Settings = Settings {
    max_connections: 2,
    acquire_timeout: Duration::from_millis(500),
    statement_timeout: Duration::from_millis(100),
};

fn migrations(versions: &[(i64, &'static str)]) -> Migrations {
    let migrations: Vec<Migration> = versions
        .iter()
        .map(|(version, sql)| {
            Migration::new(*version, "test".into(), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .collect();
    let migrator = || Migrator::with_migrations(migrations.clone());
    Migrations { sqlite: migrator(), postgres: migrator() }
}

const SEATS: (i64, &str) = (1, "CREATE TABLE seats (name TEXT NOT NULL CONSTRAINT seats_name UNIQUE)");

/// A database for one test, on the product that the environment selects.
struct Scratch {
    url: DatabaseUrl,
    _directory: TempDir,
}

impl Scratch {
    async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        Self { url: database_url("storage", &directory).await, _directory: directory }
    }

    /// Opens the database as another process.
    async fn open(&self) -> Db {
        Db::open(&self.url, QUICK).await.unwrap()
    }

    async fn seats(&self) -> Db {
        let db = self.open().await;
        db.migrate(&[&migrations(&[SEATS])]).await.unwrap();
        db
    }
}

#[tokio::test]
async fn connections_in_use_are_counted() {
    let scratch = Scratch::new().await;
    let db = scratch.seats().await;
    let sum =
        |of: fn(Connections) -> u32| db.connections().into_iter().map(|(_, pool)| of(pool)).sum::<u32>();
    let returned = async {
        // A connection returns to its pool in a task of its own.
        while sum(|pool| pool.in_use) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(sum(|pool| pool.max) >= QUICK.max_connections);
    let tx = db.begin().await.unwrap();
    assert!(sum(|pool| pool.in_use) >= 1, "{:?}", db.connections());
    tx.commit().await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), returned).await.expect("all connections return");
}

async fn try_take(db: &Db, seat: &str) -> Result<u64, Error> {
    let mut tx = db.begin().await?;
    let insert = query("INSERT INTO seats (name) VALUES ($1) ON CONFLICT DO NOTHING").bind(seat.to_owned());
    let taken = tx.execute(insert).await?;
    tx.commit().await?;
    Ok(taken)
}

async fn take(db: &Db, seat: &str) -> u64 {
    try_take(db, seat).await.unwrap()
}

async fn count(db: &Db) -> i64 {
    let count = query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM seats");
    let (count,): (i64,) = db.read().await.unwrap().fetch_one(count).await.unwrap();
    count
}

#[tokio::test]
async fn dropped_transaction_is_rolled_back_and_releases_the_writer() {
    let scratch = Scratch::new().await;
    let db = scratch.seats().await;
    let mut tx = db.begin().await.unwrap();
    tx.execute(query("INSERT INTO seats (name) VALUES ('1A')")).await.unwrap();
    drop(tx);
    assert_eq!(take(&db, "1B").await, 1);
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn dropped_begin_does_not_block_the_writer() {
    let scratch = Scratch::new().await;
    let db = scratch.seats().await;
    for _ in 0..50 {
        let mut begin = Box::pin(db.begin());
        // When this is dropped, the statement may be on its way to the database.
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
async fn one_of_many_concurrent_inserts_succeeds() {
    let scratch = Scratch::new().await;
    let db = scratch.seats().await;
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
async fn statement_binds_the_maximum_number_of_values() {
    let scratch = Scratch::new().await;
    let db = Db::open(&scratch.url, Settings::default()).await.unwrap();
    db.migrate(&[&migrations(&[SEATS])]).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    let mut insert = query_as_built::<(String,)>(format!(
        "INSERT INTO seats (name) VALUES {} ON CONFLICT DO NOTHING RETURNING name",
        tx.values(MAX_VALUES, 1)
    ));
    for seat in 0..MAX_VALUES {
        insert = insert.bind((seat / 2).to_string());
    }
    assert_eq!(tx.fetch_all(insert).await.unwrap().len(), MAX_VALUES / 2);
}

#[tokio::test]
async fn reader_does_not_wait_for_the_writer_and_sees_only_committed_rows() {
    let scratch = Scratch::new().await;
    let db = scratch.seats().await;
    let mut tx = db.begin().await.unwrap();
    tx.execute(query("INSERT INTO seats (name) VALUES ('1A')")).await.unwrap();
    assert_eq!(count(&db).await, 0);
    tx.commit().await.unwrap();
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn lock_of_another_process_is_a_transient_error() {
    let scratch = Scratch::new().await;
    let (one, other) = (scratch.seats().await, scratch.open().await);
    let mut held = one.begin().await.unwrap();
    held.execute(query("INSERT INTO seats (name) VALUES ('1A')")).await.unwrap();
    let error = try_take(&other, "1A").await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    drop(held);
    assert_eq!(take(&other, "1A").await, 1);
}

#[tokio::test]
async fn statement_over_its_deadline_fails_and_the_pool_recovers() {
    let scratch = Scratch::new().await;
    let db = scratch.seats().await;
    let slow = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 20000000)
                SELECT CAST(COUNT(*) AS BIGINT) FROM n";
    let mut tx = db.begin().await.unwrap();
    let error = tx.fetch_one::<(i64,)>(query_as(slow)).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(tx.execute(query("SELECT 1")).await.is_err(), "the transaction has ended");
    drop(tx);
    // The writer's slot in the pool and its lock become free. On SQLite, only when the statement has
    // finished.
    let deadline = Instant::now() + Duration::from_secs(120);
    while let Err(error) = db.begin().await {
        assert!(error.is_transient() && Instant::now() < deadline, "{error:?}");
    }
    assert_eq!(take(&db, "1A").await, 1);
}

/// Only on PostgreSQL, because SQLite has no connection that could break.
#[tokio::test]
async fn commit_on_a_broken_connection_is_in_doubt() {
    let scratch = Scratch::new().await;
    let db = scratch.seats().await;
    let mut tx = db.begin().await.unwrap();
    if db.backend() != Backend::Postgres {
        return;
    }
    let (pid,): (i32,) = tx.fetch_one(query_as("SELECT pg_backend_pid()")).await.unwrap();
    let mut other = db.read().await.unwrap();
    let end = format!("SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid = {pid}");
    while other.fetch_one(query_as_built::<(i64,)>(end.clone())).await.unwrap() != (0,) {}

    let error = tx.commit().await.unwrap_err();

    assert!(matches!(error, Error::InDoubt(_)), "{error:?}");
    assert!(error.is_transient());
    assert_eq!(take(&db, "1A").await, 1);
}

#[tokio::test]
async fn migrations_run_once_and_a_newer_schema_is_rejected() {
    let scratch = Scratch::new().await;
    let db = scratch.seats().await;
    db.migrate(&[&migrations(&[SEATS])]).await.unwrap();
    let newer = migrations(&[SEATS, (2, "CREATE TABLE halls (name TEXT NOT NULL)")]);
    db.migrate(&[&newer]).await.unwrap();
    let error = db.migrate(&[&migrations(&[SEATS])]).await.unwrap_err();
    assert!(matches!(error, Error::Migration(_)), "{error:?}");
}

#[tokio::test]
async fn unreachable_database_is_a_transient_error() {
    for url in ["sqlite:///dev/null/nowhere.db", "postgres://nobody@127.0.0.1:1/nowhere"] {
        let error = Db::open(&url.parse().unwrap(), QUICK).await.unwrap_err();
        assert!(error.is_transient(), "{error:?}");
    }
}

#[tokio::test]
async fn transaction_after_a_relaxed_one_waits_for_the_disk() {
    let scratch = Scratch::new().await;
    let db = scratch.seats().await;
    for commit in [true, false] {
        let mut relaxed = db.begin_relaxed().await.unwrap();
        relaxed.execute(query("DELETE FROM seats")).await.unwrap();
        assert!(!waits_for_the_disk(&db, &mut relaxed).await);
        if commit {
            relaxed.commit().await.unwrap();
        } else {
            drop(relaxed);
        }
        let mut next = db.begin().await.unwrap();
        assert!(waits_for_the_disk(&db, &mut next).await);
    }
}

async fn waits_for_the_disk(db: &Db, tx: &mut Tx) -> bool {
    match db.backend() {
        Backend::Sqlite => {
            let (level,) = tx.fetch_one::<(i64,)>(query_as("PRAGMA synchronous")).await.unwrap();
            level >= 2 // FULL
        }
        Backend::Postgres => {
            let (commit,) = tx.fetch_one::<(String,)>(query_as("SHOW synchronous_commit")).await.unwrap();
            commit == "on"
        }
    }
}

#[tokio::test]
async fn ten_processes_migrate_at_once() {
    let scratch = Scratch::new().await;
    let halls = (2, "CREATE TABLE halls (name TEXT NOT NULL)");
    let start = async || {
        let db = Db::open(&scratch.url, Settings::default()).await.unwrap();
        db.migrate(&[&migrations(&[SEATS, halls])]).await.unwrap();
    };
    tokio::join!(start(), start(), start(), start(), start(), start(), start(), start(), start(), start());
    assert_eq!(take(&scratch.open().await, "1A").await, 1);
}

#[tokio::test]
async fn one_process_leads_and_another_takes_over() {
    let scratch = Scratch::new().await;
    let (one, other) = (scratch.open().await, scratch.open().await);
    let mut lead = one.try_lead(Task::Relay).await.unwrap().unwrap();
    assert!(lead.is_held().await);
    assert!(other.try_lead(Task::Rebuild).await.unwrap().is_some(), "each task has its own leader");
    assert!(other.try_lead(Task::Relay).await.unwrap().is_none());
    drop(lead);
    // The server releases the lock once it notices that the connection is closed.
    let deadline = Instant::now() + Duration::from_secs(5);
    while other.try_lead(Task::Relay).await.unwrap().is_none() {
        assert!(Instant::now() < deadline, "no process took over within 5 s");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn statements_are_counted_with_begin_commit_and_rollback() {
    let scratch = Scratch::new().await;
    let db = scratch.seats().await;
    let clone = db.clone();
    let before = db.statements();
    // BEGIN, INSERT, COMMIT.
    assert_eq!(try_take(&clone, "1A").await.unwrap(), 1);
    assert_eq!(db.statements() - before, 3);
    let find = query_as::<(String,)>("SELECT name FROM seats LIMIT 1");
    db.read().await.unwrap().fetch_optional(find).await.unwrap();
    assert_eq!(db.statements() - before, 4);
    // BEGIN, ROLLBACK.
    drop(db.begin().await.unwrap());
    assert_eq!(db.statements() - before, 6);
}

#[tokio::test]
async fn last_id_includes_deleted_rows() {
    let scratch = Scratch::new().await;
    let db = scratch.open().await;
    let id = match db.backend() {
        Backend::Sqlite => "CREATE TABLE halls (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL)",
        Backend::Postgres => {
            "CREATE TABLE halls (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name TEXT NOT NULL)"
        }
    };
    db.migrate(&[&migrations(&[(1, id)])]).await.unwrap();
    let last_id = async || db.read().await.unwrap().last_id("halls").await.unwrap();
    assert_eq!(last_id().await, 0);
    for _ in 0..3 {
        let mut tx = db.begin().await.unwrap();
        tx.execute(query("INSERT INTO halls (name) VALUES ('1')")).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut tx = db.begin().await.unwrap();
    tx.execute(query("DELETE FROM halls WHERE id > 1")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(last_id().await, 3);
}

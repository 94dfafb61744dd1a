//! Closing a database.

use std::fs;

use storage::{Db, Settings, query, query_as};
use tempfile::TempDir;

async fn open(directory: &TempDir, name: &str) -> Db {
    let url = format!("sqlite://{}/{name}.db", directory.path().display());
    Db::open(&url.parse().unwrap(), Settings::default()).await.unwrap()
}

async fn add_seat(db: &Db, name: &str) {
    let mut tx = db.begin().await.unwrap();
    tx.execute(query("CREATE TABLE IF NOT EXISTS seats (name TEXT NOT NULL)")).await.unwrap();
    tx.execute(query("INSERT INTO seats (name) VALUES ($1)").bind(name.to_owned())).await.unwrap();
    tx.commit().await.unwrap();
}

async fn seats(db: &Db) -> i64 {
    let count = query_as::<(i64,)>("SELECT CAST(COUNT(*) AS BIGINT) FROM seats");
    db.read().await.unwrap().fetch_one(count).await.unwrap().0
}

#[tokio::test]
async fn closed_database_is_one_file_with_every_row() {
    let directory = TempDir::new().unwrap();
    let db = open(&directory, "book").await;
    add_seat(&db, "1A").await;
    assert_eq!(seats(&db).await, 1);
    // Other parts of the process have clones.
    let _clone = db.clone();
    db.close().await;
    assert!(!directory.path().join("book.db-wal").exists());
    fs::copy(directory.path().join("book.db"), directory.path().join("copy.db")).unwrap();
    assert_eq!(seats(&open(&directory, "copy").await).await, 1);
    assert!(db.begin().await.unwrap_err().is_transient());
}

#[tokio::test]
async fn last_of_two_processes_leaves_one_file() {
    let directory = TempDir::new().unwrap();
    let (one, other) = (open(&directory, "events").await, open(&directory, "events").await);
    add_seat(&one, "1A").await;
    one.close().await;
    add_seat(&other, "2B").await;
    other.close().await;
    assert!(!directory.path().join("events.db-wal").exists());
    assert_eq!(seats(&open(&directory, "events").await).await, 2);
}

#[tokio::test]
async fn close_does_not_wait_forever_for_a_connection_in_use() {
    let directory = TempDir::new().unwrap();
    let db = open(&directory, "book").await;
    let used = db.read().await.unwrap();
    db.close().await;
    drop(used);
}

//! A log in one SQLite file that several processes share: an append-only table, and a cursor per consumer
//! group.
//!
//! It is durable, keeps a total order and needs no installation, so laptops and tests use it. Only one
//! process at a time may consume for a group. Records are never deleted.
//!
//! The cursors are in the same file, so each group reads a new file from its beginning. A process whose open
//! file is removed refuses to continue until it is restarted, because no other process would see what it
//! writes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sqlx::FromRow;
use storage::{DatabaseUrl, Db, Migrations, Settings, query, query_as, query_built};
use tokio::time::{Instant, sleep, sleep_until};

use crate::incarnation::{FirstRecord, PartitionState, Partitions};
use crate::seed_time::SeedTimeZone;
use crate::transport::{
    History, Position, Received, Record, Subscription, Transport, TransportError, headers_from_json,
    headers_to_json,
};

/// Minimum interval of polling the file, while records flow. SQLite does not notify a process of another's
/// commit.
const SHORTEST_POLL: Duration = Duration::from_millis(2);
/// Maximum interval of polling the file.
const LONGEST_POLL: Duration = Duration::from_millis(32);
/// Minimum time between two batches under load: each costs two commits, however few records it has.
const SHORTEST_CYCLE: Duration = Duration::from_millis(20);
/// Rows of one INSERT.
const INSERT_ROWS: usize = 500;

/// The log in one file.
#[derive(Debug)]
pub struct EmbeddedLog {
    db: Db,
    name: String,
    file: Arc<LogFile>,
    seed_time_zone: SeedTimeZone,
}

impl EmbeddedLog {
    /// Opens the log in the file of `url`, which is created if it is missing.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or written.
    pub async fn open(url: &DatabaseUrl, seed_time_zone: SeedTimeZone) -> Result<Self, TransportError> {
        let settings = Settings { max_connections: 1, ..Settings::default() };
        let unusable = |error| TransportError::new(url.explain(&error));
        let db = Db::open(url, settings).await.map_err(unusable)?;
        db.migrate(&[&Migrations {
            sqlite: sqlx::migrate!("log/sqlite"),
            postgres: sqlx::migrate::Migrator::DEFAULT,
        }])
        .await
        .map_err(unusable)?;
        let file = Arc::new(LogFile::of(url));
        Ok(Self { db, name: url.to_string(), file, seed_time_zone })
    }

    async fn append(&self, topic: &str, records: &[Record]) -> Result<(), storage::Error> {
        let mut tx = self.db.begin().await?;
        let now = tx.now().as_microsecond();
        for rows in records.chunks(INSERT_ROWS) {
            let mut insert = query_built(format!(
                "INSERT INTO records (topic, key, payload, headers, appended_at) VALUES {}",
                tx.values(rows.len(), 5)
            ));
            for row in rows {
                insert = insert
                    .bind(topic.to_owned())
                    .bind(row.key.clone())
                    .bind(row.payload.clone())
                    .bind(headers_to_json(&row.headers))
                    .bind(now);
            }
            tx.execute(insert).await?;
        }
        tx.commit().await
    }
}

impl Transport for EmbeddedLog {
    fn seed_time_zone(&self) -> SeedTimeZone {
        self.seed_time_zone.clone()
    }

    fn publish<'a>(
        &'a self,
        topic: &'a str,
        records: &'a [Record],
    ) -> BoxFuture<'a, Result<(), TransportError>> {
        Box::pin(async move {
            self.file.check().map_err(TransportError::new)?;
            self.append(topic, records).await.map_err(TransportError::new)
        })
    }

    /// Ignores `incarnation`: the cursors are in the same file, so they belong to this incarnation.
    fn subscribe_in<'a>(
        &'a self,
        topic: &'a str,
        group: &'a str,
        _incarnation: i64,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, TransportError>> {
        Box::pin(async move {
            self.file.check().map_err(TransportError::new)?;
            let cursor = Cursor::load(self.db.clone(), self.file.clone(), topic, group).await;
            let cursor = cursor.map_err(TransportError::new)?;
            Ok(Box::new(cursor) as Box<dyn Subscription>)
        })
    }

    fn history<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<Box<dyn History>, TransportError>> {
        Box::pin(async move {
            let snapshot = Snapshot::take(self.db.clone(), topic).await.map_err(TransportError::new)?;
            Ok(Box::new(snapshot) as Box<dyn History>)
        })
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn survey<'a>(&'a self, topic: &'a str) -> BoxFuture<'a, Result<Partitions, TransportError>> {
        Box::pin(async move {
            self.file.check().map_err(TransportError::new)?;
            survey(&self.db, topic).await.map_err(TransportError::new)
        })
    }

    fn check(&self) -> Result<(), String> {
        self.file.check().map_err(|error| error.to_string())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.db.close())
    }
}

/// The file as it was when it was opened.
#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    /// The device and the inode, or `None` if the log is not in a file.
    identity: Option<(u64, u64)>,
}

/// The file was removed or replaced while it was in use.
#[derive(Debug, thiserror::Error)]
#[error("the file {} was removed or replaced while it was in use: restart the processes", .0.display())]
struct LogFileGone(PathBuf);

impl LogFile {
    fn of(url: &DatabaseUrl) -> Self {
        let path = url.file().unwrap_or_default();
        let identity = identity(&path);
        Self { path, identity }
    }

    fn check(&self) -> Result<(), LogFileGone> {
        let is_there = self.identity.is_none() || identity(&self.path) == self.identity;
        if is_there { Ok(()) } else { Err(LogFileGone(self.path.clone())) }
    }
}

fn identity(path: &std::path::Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Surveys the topic, which is one partition.
async fn survey(db: &Db, topic: &str) -> Result<Partitions, storage::Error> {
    let mut conn = db.read().await?;
    let first = query_as::<(i64, i64)>(
        "SELECT position, appended_at FROM records WHERE topic = $1 ORDER BY position LIMIT 1",
    );
    let first = conn.fetch_optional(first.bind(topic.to_owned())).await?;
    let last = query_as::<(i64,)>("SELECT COALESCE(MAX(position), 0) FROM records WHERE topic = $1");
    let (last,) = conn.fetch_one(last.bind(topic.to_owned())).await?;
    let first = first.map(|(offset, at)| FirstRecord {
        offset,
        appended_at: Timestamp::from_microsecond(at).unwrap_or_default(),
    });
    Ok(Partitions::from([(0, PartitionState { end: last + 1, first })]))
}

/// The position of a group in a topic.
struct Cursor {
    db: Db,
    file: Arc<LogFile>,
    topic: String,
    group: String,
    /// The next position to receive.
    next: i64,
    /// Earliest time of the next batch, so that a trickle of records becomes batches.
    not_before: Instant,
}

#[derive(FromRow)]
struct RecordRow {
    position: i64,
    key: Option<String>,
    payload: Option<Vec<u8>>,
    headers: String,
    appended_at: i64,
}

impl Cursor {
    async fn load(db: Db, file: Arc<LogFile>, topic: &str, group: &str) -> Result<Self, storage::Error> {
        let find = query_as("SELECT next_position FROM cursors WHERE consumer_group = $1 AND topic = $2")
            .bind(group.to_owned())
            .bind(topic.to_owned());
        let committed: Option<(i64,)> = db.read().await?.fetch_optional(find).await?;
        Ok(Self {
            db,
            file,
            topic: topic.to_owned(),
            group: group.to_owned(),
            next: committed.map_or(0, |(next,)| next),
            not_before: Instant::now(),
        })
    }

    async fn wait_for_records(&mut self, max: usize) -> Result<Vec<Received>, TransportError> {
        let mut pause = SHORTEST_POLL;
        sleep_until(self.not_before).await;
        loop {
            let rows =
                fetch(&self.db, &self.topic, self.next, i64::MAX, max).await.map_err(TransportError::new)?;
            if let Some(last) = rows.last() {
                self.next = last.position + 1;
                if rows.len() < max {
                    self.not_before = Instant::now() + SHORTEST_CYCLE;
                }
                return rows.into_iter().map(received).collect();
            }
            self.file.check().map_err(TransportError::new)?;
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_POLL);
        }
    }

    async fn save(&self, next: i64) -> Result<(), storage::Error> {
        // If a power failure undoes the commit, the records are redelivered, as after a crash before it.
        let mut tx = self.db.begin_relaxed().await?;
        let save = query(
            "INSERT INTO cursors (consumer_group, topic, next_position) VALUES ($1, $2, $3)
             ON CONFLICT (consumer_group, topic) DO UPDATE SET next_position = excluded.next_position",
        )
        .bind(self.group.clone())
        .bind(self.topic.clone())
        .bind(next);
        tx.execute(save).await?;
        tx.commit().await
    }
}

impl Subscription for Cursor {
    fn receive(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Received>, TransportError>> {
        Box::pin(self.wait_for_records(max))
    }

    fn commit(&mut self, last: Position) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move { self.save(last.offset + 1).await.map_err(TransportError::new) })
    }
}

/// A topic up to the record that was its last when the snapshot was taken.
struct Snapshot {
    db: Db,
    topic: String,
    total: u64,
    /// The next position to read.
    next: i64,
    last: i64,
}

impl Snapshot {
    async fn take(db: Db, topic: &str) -> Result<Self, storage::Error> {
        let measure = query_as(
            "SELECT CAST(COUNT(*) AS BIGINT), COALESCE(MAX(position), 0) FROM records WHERE topic = $1",
        )
        .bind(topic.to_owned());
        let (count, last): (i64, i64) = db.read().await?.fetch_one(measure).await?;
        Ok(Self { db, topic: topic.to_owned(), total: count.unsigned_abs(), next: 0, last })
    }

    async fn read(&mut self, max: usize) -> Result<Vec<Received>, TransportError> {
        let rows =
            fetch(&self.db, &self.topic, self.next, self.last, max).await.map_err(TransportError::new)?;
        if let Some(last) = rows.last() {
            self.next = last.position + 1;
        }
        rows.into_iter().map(received).collect()
    }
}

impl History for Snapshot {
    fn total(&self) -> u64 {
        self.total
    }

    fn is_whole(&self) -> bool {
        true
    }

    fn next(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Received>, TransportError>> {
        Box::pin(self.read(max))
    }
}

/// Fetches the records from `first` to `last`, at most `max`.
async fn fetch(
    db: &Db,
    topic: &str,
    first: i64,
    last: i64,
    max: usize,
) -> Result<Vec<RecordRow>, storage::Error> {
    let find = query_as(
        "SELECT position, key, payload, headers, appended_at FROM records
         WHERE topic = $1 AND position BETWEEN $2 AND $3 ORDER BY position LIMIT $4",
    )
    .bind(topic.to_owned())
    .bind(first)
    .bind(last)
    .bind(i64::try_from(max).unwrap_or(i64::MAX));
    db.read().await?.fetch_all(find).await
}

fn received(row: RecordRow) -> Result<Received, TransportError> {
    Ok(Received {
        record: Record { key: row.key, payload: row.payload, headers: headers_from_json(&row.headers)? },
        position: Position { partition: 0, offset: row.position },
        appended_at: Timestamp::from_microsecond(row.appended_at).map_err(TransportError::new)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn removed_file_is_refused_until_the_log_is_opened_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.db");
        let url: DatabaseUrl = format!("sqlite://{}", path.display()).parse().unwrap();
        let record = Record { key: None, payload: None, headers: Vec::new() };
        let log = EmbeddedLog::open(&url, SeedTimeZone::default()).await.unwrap();
        log.publish("movie", std::slice::from_ref(&record)).await.unwrap();
        for name in ["events.db", "events.db-wal", "events.db-shm"] {
            let _ = fs::remove_file(directory.path().join(name));
        }
        let refused = log.publish("movie", std::slice::from_ref(&record)).await.unwrap_err();
        assert!(refused.0.to_string().contains("was removed or replaced"), "{refused:?}");
        assert!(log.check().is_err());
        assert!(log.subscribe("movie", "test").await.is_err());

        let log = EmbeddedLog::open(&url, SeedTimeZone::default()).await.unwrap();
        log.publish("movie", &[record]).await.unwrap();
        assert_eq!(log.history("movie").await.unwrap().total(), 1);
    }
}

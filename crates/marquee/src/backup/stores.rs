//! The databases and the event log of a fleet: what is on its way between them, and all of them locked at once.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use events::TOPIC;
use storage::{Conn, Db, Settings, Tx, query_as};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::manifest::{Manifest, Saved};
use super::names::{LOG, NAMES};
use crate::data_dir::DataDir;
use crate::output::counted;

/// Longest that one database may take to be copied.
const COPY_TIMEOUT: Duration = Duration::from_secs(600);
/// Between two looks at what is on its way.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Longest wait for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no database {}: has a fleet run there? See --data-dir", .0.display())]
    NoDatabase(PathBuf),
    #[error("cannot use the database {0}.db")]
    Database(&'static str, #[source] storage::Error),
    #[error("no backup: {0}. What is on its way has not arrived in time; does every service run?")]
    NotQuiet(Pending),
    #[error("no backup: a service does not let go of its database")]
    NotLocked,
}

/// All of them, opened beside the processes.
#[derive(Clone, Debug)]
pub struct Stores {
    all: Vec<(&'static str, Db)>,
}

/// What is on its way, by service. A service that has nothing is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending(BTreeMap<&'static str, OfService>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct OfService {
    to_send: i64,
    to_read: i64,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (service, OfService { to_send, to_read }) in &self.0 {
            for (count, what) in [(to_send, "to send"), (to_read, "to read")] {
                if *count > 0 {
                    write!(f, "{separator}{service} has {} {what}", counted(*count, "event"))?;
                    separator = ", ";
                }
            }
        }
        Ok(())
    }
}

impl Stores {
    /// # Errors
    ///
    /// [`StoreError::NoDatabase`]: to look for a database is no reason to make one.
    pub fn are_there(data_dir: &Path) -> Result<(), StoreError> {
        let missing =
            NAMES.iter().map(|name| data_dir.join(format!("{name}.db"))).find(|file| !file.exists());
        missing.map_or(Ok(()), |file| Err(StoreError::NoDatabase(file)))
    }

    /// # Errors
    ///
    /// When one of them cannot be opened.
    pub async fn open(data_dir: &DataDir) -> Result<Self, StoreError> {
        let mut all = Vec::new();
        for name in NAMES {
            all.push((name, open_file(&data_dir.database_url(name)).await.map_err(of(name))?));
        }
        Ok(Self { all })
    }

    pub async fn close(&self) {
        for (_, db) in &self.all {
            db.close().await;
        }
    }

    /// Waits until nothing is on its way.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotQuiet`] at the `deadline`, with what is left.
    pub async fn wait_until_quiet(&self, deadline: Instant) -> Result<(), StoreError> {
        loop {
            let mut pending = Pending::default();
            for (name, db) in &self.all {
                let mut conn = db.read().await.map_err(of(name))?;
                add_pending(&mut pending, name, &mut conn).await.map_err(of(name))?;
            }
            if pending.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(StoreError::NotQuiet(pending));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Takes the write lock of every database, at a moment when nothing `is_moving`, if anything can.
    ///
    /// # Errors
    ///
    /// When something is still on its way at the `deadline`, or a database stays locked.
    pub async fn lock(&self, deadline: Instant, is_moving: bool) -> Result<Locks, StoreError> {
        loop {
            if is_moving {
                self.wait_until_quiet(deadline).await?;
            }
            let taken = timeout_at(deadline, self.take_locks()).await;
            let mut locks = taken.map_err(|_| StoreError::NotLocked)??;
            if !is_moving || locks.pending().await?.is_empty() {
                return Ok(locks);
            }
            // Something came between the look and the locks.
        }
    }

    async fn take_locks(&self) -> Result<Locks, StoreError> {
        let mut locks = Vec::new();
        for (name, db) in &self.all {
            locks.push((*name, db.begin().await.map_err(of(name))?));
        }
        Ok(Locks(locks))
    }

    /// Copies all of them into `directory`, at once, so that customers wait for the largest one only.
    ///
    /// # Errors
    ///
    /// When one cannot be copied.
    pub async fn copy_into(&self, directory: &Path) -> Result<(), StoreError> {
        let mut copies = JoinSet::new();
        for (name, db) in self.all.clone() {
            let file = directory.join(format!("{name}.db"));
            copies.spawn(async move { db.copy_to(&file).await.map_err(of(name)) });
        }
        while let Some(copied) = copies.join_next().await {
            copied.expect("copying does not panic")?;
        }
        Ok(())
    }
}

/// Opens a database file beside the process that owns it.
///
/// # Errors
///
/// When that fails.
pub async fn open_file(url: &str) -> Result<Db, storage::Error> {
    let url = url.parse().expect("it is made of a path");
    let settings =
        Settings { max_connections: 2, acquire_timeout: ACQUIRE_TIMEOUT, statement_timeout: COPY_TIMEOUT };
    Db::open(&url, settings).await
}

fn of(name: &'static str) -> impl Fn(storage::Error) -> StoreError {
    move |error| StoreError::Database(name, error)
}

/// The write locks of all databases. Dropped, they are free again.
#[derive(Debug)]
pub struct Locks(Vec<(&'static str, Tx)>);

impl Locks {
    async fn pending(&mut self) -> Result<Pending, StoreError> {
        let mut pending = Pending::default();
        for (name, tx) in &mut self.0 {
            add_pending(&mut pending, name, tx).await.map_err(of(name))?;
        }
        Ok(pending)
    }

    /// What the databases hold.
    ///
    /// # Errors
    ///
    /// When one cannot be read.
    pub async fn describe(&mut self) -> Result<Manifest, StoreError> {
        let (mut files, mut bookings, mut log_end) = (BTreeMap::new(), 0, 0);
        for (name, tx) in &mut self.0 {
            let saved = describe(tx).await.map_err(of(name))?;
            match *name {
                "book" => bookings = count(tx).await.map_err(of(name))?,
                LOG => log_end = saved.last_ids.get("records").copied().unwrap_or_default() + 1,
                _ => {}
            }
            files.insert(format!("{name}.db"), saved);
        }
        Ok(Manifest::new(bookings, log_end, files))
    }
}

async fn count(conn: &mut Conn) -> Result<i64, storage::Error> {
    let count = query_as::<(i64,)>("SELECT CAST(COUNT(*) AS BIGINT) FROM bookings");
    Ok(conn.fetch_one(count).await?.0)
}

async fn describe(conn: &mut Conn) -> Result<Saved, storage::Error> {
    let last = query_as::<(i64,)>("SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) FROM _sqlx_migrations");
    let (migration,) = conn.fetch_one(last).await?;
    Ok(Saved { migration, last_ids: last_ids(conn).await?, ..Saved::default() })
}

/// The highest id that each table of an SQLite file has given out.
///
/// # Errors
///
/// When the database fails.
pub async fn last_ids(conn: &mut Conn) -> Result<BTreeMap<String, i64>, storage::Error> {
    let find = query_as::<(String, i64)>(
        "SELECT CAST(name AS TEXT), CAST(COALESCE(MAX(seq), 0) AS BIGINT) FROM sqlite_sequence GROUP BY name",
    );
    Ok(conn.fetch_all(find).await?.into_iter().collect())
}

/// Adds what `name` has still to send or, if it is the log, what every service has still to read of it.
async fn add_pending(
    pending: &mut Pending,
    name: &'static str,
    conn: &mut Conn,
) -> Result<(), storage::Error> {
    if name != LOG {
        let unsent = query_as::<(i64,)>("SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE sent_at IS NULL");
        let (to_send,) = conn.fetch_one(unsent).await?;
        if to_send > 0 {
            pending.0.entry(name).or_default().to_send = to_send;
        }
        return Ok(());
    }
    for service in NAMES.into_iter().filter(|name| *name != LOG) {
        let unread = query_as::<(i64,)>(
            "SELECT CAST(COUNT(*) AS BIGINT) FROM records WHERE topic = $1 AND position >= COALESCE(
                 (SELECT next_position FROM cursors WHERE topic = $1 AND consumer_group = $2), 0)",
        );
        let (to_read,) = conn.fetch_one(unread.bind(TOPIC).bind(service)).await?;
        if to_read > 0 {
            pending.0.entry(service).or_default().to_read = to_read;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_its_way_is_named_by_service() {
        let pending = Pending(BTreeMap::from([
            ("ticket", OfService { to_send: 0, to_read: 3 }),
            ("book", OfService { to_send: 1, to_read: 2 }),
        ]));
        assert_eq!(
            pending.to_string(),
            "book has 1 event to send, book has 2 events to read, ticket has 3 events to read"
        );
    }
}

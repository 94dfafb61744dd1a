//! The databases and the event log of a fleet: waits until all events are delivered, locks all files, and
//! copies them.

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

/// Maximum time to copy one database.
const COPY_TIMEOUT: Duration = Duration::from_secs(600);
/// Pause between two checks for undelivered events.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Maximum wait for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no database {}: has a fleet run there? See --data-dir", .0.display())]
    NoDatabase(PathBuf),
    #[error("cannot use the database {0}.db")]
    Database(&'static str, #[source] storage::Error),
    #[error("cannot back up: {0}, which did not arrive in time; are all services running?")]
    NotQuiet(Pending),
    #[error("cannot back up: a service does not release its database")]
    NotLocked,
}

/// All databases and the event log, opened while the processes use them.
#[derive(Clone, Debug)]
pub struct Stores {
    all: Vec<(&'static str, Db)>,
}

/// The undelivered events by service, without the services that have none.
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
    /// Checks that all files exist, because opening them would create them.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoDatabase`] if one does not exist.
    pub fn all_exist(data_dir: &Path) -> Result<(), StoreError> {
        let missing =
            NAMES.iter().map(|name| data_dir.join(format!("{name}.db"))).find(|file| !file.exists());
        missing.map_or(Ok(()), |file| Err(StoreError::NoDatabase(file)))
    }

    /// Opens all files.
    ///
    /// # Errors
    ///
    /// When one cannot be opened.
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

    /// Waits until all events are delivered.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotQuiet`] at the `deadline`, with the undelivered events.
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
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Takes the write lock of every database. If services run, it does so when all events are delivered.
    ///
    /// # Errors
    ///
    /// When an event is undelivered or a database locked at the `deadline`.
    pub async fn lock(&self, deadline: Instant, services_run: bool) -> Result<Locks, StoreError> {
        loop {
            if services_run {
                self.wait_until_quiet(deadline).await?;
            }
            let taken = timeout_at(deadline, self.take_locks()).await;
            let mut locks = taken.map_err(|_| StoreError::NotLocked)??;
            if !services_run || locks.pending().await?.is_empty() {
                return Ok(locks);
            }
            // A service published an event between the check and the locks.
        }
    }

    async fn take_locks(&self) -> Result<Locks, StoreError> {
        let mut locks = Vec::new();
        for (name, db) in &self.all {
            locks.push((*name, db.begin().await.map_err(of(name))?));
        }
        Ok(Locks(locks))
    }

    /// Copies all databases into `directory` at the same time, so that customers wait only for the largest
    /// one.
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

/// Opens a database file while the process that owns it may be running.
pub async fn open_file(url: &str) -> Result<Db, storage::Error> {
    let url = url.parse().expect("the URL of a path is valid");
    let settings =
        Settings { max_connections: 2, acquire_timeout: ACQUIRE_TIMEOUT, statement_timeout: COPY_TIMEOUT };
    Db::open(&url, settings).await
}

fn of(name: &'static str) -> impl Fn(storage::Error) -> StoreError {
    move |error| StoreError::Database(name, error)
}

/// The write locks of all databases, released on drop.
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

    /// Describes the contents of the databases.
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

/// The highest id that each table of an SQLite file has assigned.
pub async fn last_ids(conn: &mut Conn) -> Result<BTreeMap<String, i64>, storage::Error> {
    let find = query_as::<(String, i64)>(
        "SELECT CAST(name AS TEXT), CAST(COALESCE(MAX(seq), 0) AS BIGINT) FROM sqlite_sequence GROUP BY name",
    );
    Ok(conn.fetch_all(find).await?.into_iter().collect())
}

/// Adds the unsent events of the database `name` or, if it is the log, the unread events of each service.
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
    fn undelivered_events_are_named_by_service() {
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

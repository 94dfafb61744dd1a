//! Opening, migrating, beginning.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{MigrateDatabase, Migrator};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection, Executor};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use crate::backend::Backend;
use crate::conn::{Conn, Tx};
use crate::error::Error;
use crate::lead::{Lead, Task};
use crate::url::DatabaseUrl;

/// How much longer than the server we wait for a statement: its own verdict is worth more than a lost connection.
const GRACE: Duration = Duration::from_millis(500);
/// A connection to a server that was unused for this long is asked for a sign of life before it is used: the server may have
/// gone and come back meanwhile. Asked each time, it would be every fifth round trip of a busy service.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// Pause before the next try to reach a database at the start.
const OPEN_RETRY: Duration = Duration::from_millis(500);

/// Longest that closing waits for connections that are in use.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest that readiness waits for SQLite's one writer.
const WRITER_WAIT: Duration = Duration::from_millis(250);

/// Limits of a database's connections.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Connections at most: of all kinds on PostgreSQL, for reading on SQLite.
    pub max_connections: u32,
    /// Longest wait for a free connection.
    pub acquire_timeout: Duration,
    /// Longest run of one statement, waiting for locks included.
    pub statement_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_connections: 8,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(5),
        }
    }
}

/// The migrations of one package, for both products. Made by [`migrations!`](crate::migrations).
#[derive(Debug)]
pub struct Migrations {
    pub sqlite: Migrator,
    pub postgres: Migrator,
}

/// A database; clones share its connections.
#[derive(Clone, Debug)]
pub struct Db {
    backend: Backend,
    /// `None` on a server.
    file: Option<PathBuf>,
    writers: AnyPool,
    readers: AnyPool,
    patience: Duration,
    announced: Arc<Notify>,
    /// The tables that the migrations have made. Others in the schema are not this program's.
    tables: Arc<OnceLock<BTreeSet<String>>>,
    statements: Arc<AtomicU64>,
}

impl Db {
    /// Opens the database and makes sure that it answers.
    ///
    /// # Errors
    ///
    /// When it does not, or the URL's options are wrong.
    pub async fn open(url: &DatabaseUrl, settings: Settings) -> Result<Self, Error> {
        let backend = url.backend();
        let readers = connect(url, settings, settings.max_connections).await?;
        let writers =
            if backend.has_one_writer() { connect(url, settings, 1).await? } else { readers.clone() };
        Ok(Self {
            backend,
            file: url.file(),
            writers,
            readers,
            patience: settings.statement_timeout + GRACE,
            announced: Arc::default(),
            tables: Arc::default(),
            statements: Arc::default(),
        })
    }

    /// Opens the database, and waits for up to `wait` while it does not answer.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn open_within(url: &DatabaseUrl, settings: Settings, wait: Duration) -> Result<Self, Error> {
        let deadline = Instant::now() + wait;
        loop {
            match Self::open(url, settings).await {
                Err(error) if error.is_outage() && Instant::now() < deadline => {
                    tracing::warn!("waits for its database: {}", url.explain(&error));
                    sleep(OPEN_RETRY).await;
                }
                opened => return opened,
            }
        }
    }

    /// Makes the database on its server, if it is not there. SQLite makes its file when it is opened.
    ///
    /// # Errors
    ///
    /// When the server is away, or does not allow it.
    pub async fn create_if_missing(url: &DatabaseUrl) -> Result<(), Error> {
        let backend = url.backend();
        if backend == Backend::Sqlite {
            return Ok(());
        }
        install_drivers();
        let create = async {
            if !sqlx::Any::database_exists(url.as_str()).await? {
                sqlx::Any::create_database(url.as_str()).await?;
            }
            Ok(())
        };
        create.await.map_err(|error| Error::classify(backend, error))
    }

    /// Brings the schema to this version: the migrations of all `packages`, in the order of their numbers.
    ///
    /// # Errors
    ///
    /// When one fails, or the schema is newer than this program.
    pub async fn migrate(&self, packages: &[&Migrations]) -> Result<(), Error> {
        let migrations: Vec<_> = packages
            .iter()
            .map(|package| match self.backend {
                Backend::Sqlite => &package.sqlite,
                Backend::Postgres => &package.postgres,
            })
            .flat_map(|migrator| migrator.iter().cloned())
            .collect();
        let made = tables_of(migrations.iter().map(|migration| migration.sql.as_str()));
        let fail = |error| Error::classify(self.backend, error);
        let mut tx = self.writers.begin_with(self.backend.begin_migrations()).await.map_err(fail)?;
        Migrator::with_migrations(migrations).run(&mut *tx).await.map_err(Error::Migration)?;
        tx.commit().await.map_err(fail)?;
        // A second migration of one process, as in tests, may add some; the first ones are enough to look for.
        self.tables.get_or_init(|| made);
        Ok(())
    }

    /// Begins a transaction that will write.
    ///
    /// # Errors
    ///
    /// When no connection is free in time, or the database is away.
    pub async fn begin(&self) -> Result<Tx, Error> {
        let conn = self.acquire(&self.writers).await?;
        Tx::begin(conn, Timestamp::now(), self.announced.clone()).await
    }

    /// Begins a transaction that a power cut (not a crash of this process) may undo even after its commit. For what is
    /// harmless to do twice: it costs a fraction, as it does not wait for the disk.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub async fn begin_relaxed(&self) -> Result<Tx, Error> {
        let conn = self.acquire(&self.writers).await?;
        Tx::begin_relaxed(conn, Timestamp::now(), self.announced.clone()).await
    }

    /// Tries to become the one process that does `task` on this database. `None`: another one does.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub async fn try_lead(&self, task: Task) -> Result<Option<Lead>, Error> {
        match &self.file {
            Some(file) => {
                Lead::beside(file, task).map_err(|error| Error::classify(self.backend, error.into()))
            }
            None => Lead::of_session(self.acquire(&self.writers).await?, task).await,
        }
    }

    /// A connection for statements that only read, each by itself.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub async fn read(&self) -> Result<Conn, Error> {
        self.acquire(&self.readers).await
    }

    /// Whether other processes may write to this database as well.
    pub fn is_shared(&self) -> bool {
        !self.backend.has_one_writer()
    }

    /// The product.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    ///
    /// When it gives none.
    pub async fn ping(&self) -> Result<(), Error> {
        self.read().await?.execute(crate::query("SELECT 1")).await?;
        Ok(())
    }

    /// Whether the database answers and takes writes. `Some` is why it refuses them.
    ///
    /// # Errors
    ///
    /// When it does not answer, or a table is missing.
    pub async fn refusal(&self) -> Result<Option<String>, Error> {
        match self.look_for_refusal().await {
            Err(Error::Refused(cause)) => Ok(Some(cause.to_string())),
            refusal => refusal,
        }
    }

    async fn look_for_refusal(&self) -> Result<Option<String>, Error> {
        if let Some(expected) = self.tables.get() {
            let found = self.table_names().await?;
            if let Some(missing) = expected.difference(&found).next() {
                return Err(Error::NotMigrated(missing.clone()));
            }
        }
        match self.backend {
            Backend::Sqlite => self.refusal_of_file().await,
            Backend::Postgres => self.refusal_of_server().await,
        }
    }

    async fn table_names(&self) -> Result<BTreeSet<String>, Error> {
        let rows: Vec<(String,)> =
            self.read().await?.fetch_all(crate::query_as(self.backend.tables())).await?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    async fn refusal_of_server(&self) -> Result<Option<String>, Error> {
        let mut conn = self.read().await?;
        let find = crate::query_as(self.backend.writability());
        let rows: Vec<(String, Option<String>)> = conn.fetch_all(find).await?;
        if rows.iter().any(|(read_only, _)| read_only == "on") {
            // A session stays as it began; the next one may be different.
            conn.close();
            return Ok(Some("the database is read-only".to_owned()));
        }
        let own = |table: &String| self.tables.get().is_none_or(|tables| tables.contains(table));
        let table = rows.into_iter().filter_map(|(_, table)| table).filter(own).min();
        Ok(table.map(|table| format!("the user may not write to table {table}")))
    }

    async fn refusal_of_file(&self) -> Result<Option<String>, Error> {
        let write = async {
            let mut tx = self.begin().await?;
            tx.execute(crate::query(self.backend.writability())).await
        };
        match timeout(WRITER_WAIT, write).await {
            // While another transaction writes, the database takes writes.
            Err(_) => Ok(None),
            Ok(Err(error)) if error.is_outage() => Ok(None),
            Ok(written) => written.map(|_| None),
        }
    }

    /// Wakes its waiter after each commit that was [announced](Tx::announce_commit).
    pub fn announced(&self) -> Arc<Notify> {
        self.announced.clone()
    }

    /// The number of statements that this database and its clones have sent so far, `BEGIN`, `COMMIT` and `ROLLBACK` included.
    /// On a server each is a round trip. What the pool sends by itself is not counted: the settings of a new connection, and a
    /// sign of life whenever a connection goes back.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Closes the connections, for all clones of this, and waits for those in use for 5 s at most. The last process that closes
    /// an SQLite file moves the content of its `-wal` file into it and removes that, so a stopped fleet is its `.db` files alone.
    pub async fn close(&self) {
        let closing = async {
            self.readers.close().await;
            self.writers.close().await;
        };
        if timeout(CLOSE_TIMEOUT, closing).await.is_err() {
            tracing::warn!("connections to the database were still in use after {CLOSE_TIMEOUT:?}");
        }
    }

    async fn acquire(&self, pool: &AnyPool) -> Result<Conn, Error> {
        let connection = pool.acquire().await.map_err(|error| Error::classify(self.backend, error))?;
        Ok(Conn::new(connection, self.backend, self.patience, self.statements.clone()))
    }
}

/// The tables that are there after `migrations`, each a text of SQL.
fn tables_of<'s>(migrations: impl Iterator<Item = &'s str>) -> BTreeSet<String> {
    let mut tables = BTreeSet::new();
    for statement in migrations.flat_map(|sql| sql.split(';')) {
        let lines = statement.lines().filter(|line| !line.trim_start().starts_with("--"));
        let statement = lines.collect::<Vec<_>>().join(" ");
        let words: Vec<&str> =
            statement.split(|letter: char| letter.is_whitespace() || letter == '(').collect();
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        match words[..] {
            ["CREATE", "TABLE", "IF", "NOT", "EXISTS", name, ..] | ["CREATE", "TABLE", name, ..] => {
                tables.insert(name.to_owned());
            }
            ["DROP", "TABLE", "IF", "EXISTS", name, ..] | ["DROP", "TABLE", name, ..] => {
                tables.remove(name);
            }
            ["ALTER", "TABLE", name, "RENAME", "TO", other, ..] => {
                tables.remove(name);
                tables.insert(other.to_owned());
            }
            _ => {}
        }
    }
    tables
}

async fn connect(url: &DatabaseUrl, settings: Settings, max: u32) -> Result<AnyPool, Error> {
    install_drivers();
    let backend = url.backend();
    let fail = |error| Error::classify(backend, error);
    let options: AnyConnectOptions = url.as_str().parse().map_err(fail)?;
    let session = backend.session(settings.statement_timeout.as_millis());
    let options = options.disable_statement_logging();
    let preparing = session.clone();
    let pool = AnyPoolOptions::new()
        .max_connections(max)
        .acquire_timeout(settings.acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(move |connection, idle| {
            Box::pin(async move {
                let is_trusted = backend == Backend::Sqlite || idle.idle_for < TRUSTED_FOR;
                Ok(is_trusted || connection.ping().await.is_ok())
            })
        })
        .after_connect(move |connection, _| {
            let session = preparing.clone();
            Box::pin(async move { prepare(connection, session).await })
        })
        .connect_with(options.clone())
        .await;
    match pool {
        // The pool tries again and again, and does not say what it met.
        Err(sqlx::Error::PoolTimedOut) => {
            let alone = async { prepare(&mut AnyConnection::connect_with(&options).await?, session).await };
            let failure = timeout(settings.acquire_timeout, alone).await.ok().and_then(Result::err);
            Err(fail(failure.unwrap_or(sqlx::Error::PoolTimedOut)))
        }
        pool => pool.map_err(fail),
    }
}

/// Tells a new connection what every connection is told.
async fn prepare(connection: &mut AnyConnection, session: Vec<String>) -> Result<(), sqlx::Error> {
    for statement in session {
        connection.execute(sqlx::AssertSqlSafe(statement)).await?;
    }
    Ok(())
}

fn install_drivers() {
    static DRIVERS: Once = Once::new();
    DRIVERS.call_once(sqlx::any::install_default_drivers);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_migrations_are_those_that_are_left() {
        let migrations = [
            "-- CREATE TABLE comment (id);\nCREATE TABLE one (id BIGINT);\nCREATE INDEX one_id ON one (id);",
            "CREATE TABLE IF NOT EXISTS two(id BIGINT); CREATE TABLE three (id BIGINT); INSERT INTO two VALUES (1)",
            "DROP TABLE one; ALTER TABLE three RENAME TO four; ALTER TABLE two ADD COLUMN x BIGINT;",
        ];
        let tables: Vec<_> = tables_of(migrations.into_iter()).into_iter().collect();
        assert_eq!(tables, ["four", "two"]);
    }
}

//! Opens and migrates a database, and begins transactions.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{MigrateDatabase, Migrator};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions, Connection, Executor};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

use crate::backend::Backend;
use crate::clock::Clock;
use crate::conn::{Conn, Tx};
use crate::error::Error;
use crate::lead::{Lead, Task};
use crate::migrations::{Migrations, tables_of};
use crate::statement::{query, query_as};
use crate::url::DatabaseUrl;

/// A statement's deadline is this much later than the server's own, because the server's error does not cost
/// the connection.
const GRACE: Duration = Duration::from_millis(500);
/// A connection to a server that was idle for this long is pinged before it is used, because the server may
/// have restarted meanwhile. Pinging every time would add a fifth to the round trips of a busy service.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// Pause between attempts to reach the database during the start.
const OPEN_RETRY: Duration = Duration::from_millis(500);
/// Interval at which the wait is logged.
const REMIND_EVERY: Duration = Duration::from_secs(60);

/// Maximum time that closing waits for connections in use.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum time that readiness waits for SQLite's only writer.
const WRITER_WAIT: Duration = Duration::from_millis(250);

/// Limits on the connections to a database.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Maximum number of connections: all on PostgreSQL, those that read on SQLite.
    pub max_connections: u32,
    /// Maximum wait for a free connection.
    pub acquire_timeout: Duration,
    /// Maximum duration of one statement, including its wait for locks.
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

/// The connections of one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    pub in_use: u32,
    pub max: u32,
}

/// A database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Db {
    backend: Backend,
    /// `None` on a server.
    file: Option<PathBuf>,
    writers: AnyPool,
    readers: AnyPool,
    statement_deadline: Duration,
    announced: Arc<Notify>,
    /// The tables that the migrations created. Other tables in the schema belong to other programs.
    tables: Arc<OnceLock<BTreeSet<String>>>,
    statements: Arc<AtomicU64>,
    clock: Clock,
}

impl Db {
    /// Opens the database and checks that it answers.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or an option in the URL is wrong.
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
            statement_deadline: settings.statement_timeout + GRACE,
            announced: Arc::default(),
            tables: Arc::default(),
            statements: Arc::default(),
            clock: Clock::system(),
        })
    }

    /// The connections of each pool by its name: `all` on a server, `writer` and `readers` on SQLite.
    pub fn connections(&self) -> Vec<(&'static str, Connections)> {
        let of = |pool: &AnyPool| {
            let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
            let max = pool.options().get_max_connections();
            Connections { in_use: pool.size().saturating_sub(idle), max }
        };
        if self.backend.has_one_writer() {
            vec![("writer", of(&self.writers)), ("readers", of(&self.readers))]
        } else {
            vec![("all", of(&self.readers))]
        }
    }

    /// [Opens](Self::open) the database, and retries for up to `wait` while it does not answer.
    pub async fn open_within(url: &DatabaseUrl, settings: Settings, wait: Duration) -> Result<Self, Error> {
        let deadline = Instant::now() + wait;
        let mut remind_at = Instant::now();
        loop {
            match Self::open(url, settings).await {
                Err(error) if error.is_outage() && Instant::now() < deadline => {
                    if Instant::now() >= remind_at {
                        tracing::warn!(
                            dependency = "database",
                            cause = url.explain(&error),
                            "waiting for the database"
                        );
                        remind_at = Instant::now() + REMIND_EVERY;
                    }
                    sleep(OPEN_RETRY).await;
                }
                opened => return opened,
            }
        }
    }

    /// Creates the database on its server if it does not exist. Opening an SQLite database creates its file.
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

    /// Runs the pending migrations of all `packages`, in the order of their numbers and in one transaction.
    ///
    /// # Errors
    ///
    /// When a migration fails, or the schema is newer than this program.
    pub async fn migrate(&self, packages: &[&Migrations]) -> Result<(), Error> {
        let migrations: Vec<_> = packages
            .iter()
            .map(|package| match self.backend {
                Backend::Sqlite => &package.sqlite,
                Backend::Postgres => &package.postgres,
            })
            .flat_map(|migrator| migrator.iter().cloned())
            .collect();
        let tables = tables_of(migrations.iter().map(|migration| migration.sql.as_str()));
        let fail = |error| Error::classify(self.backend, error);
        let mut tx =
            self.writers.begin_with(AssertSqlSafe(self.backend.begin_migrations())).await.map_err(fail)?;
        Migrator::with_migrations(migrations).run(&mut *tx).await.map_err(Error::Migration)?;
        tx.commit().await.map_err(fail)?;
        // If a process migrates twice, as tests do, checking for the tables of the first migration is enough.
        self.tables.get_or_init(|| tables);
        Ok(())
    }

    /// Replaces the clock, which is the system's at first. Only tests do that.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The current time of the database's clock, for a decision without a transaction. Changes use
    /// [`Tx::now`].
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Begins a transaction that will write.
    ///
    /// # Errors
    ///
    /// When no connection becomes free in time, or the database is unreachable.
    pub async fn begin(&self) -> Result<Tx, Error> {
        let conn = self.acquire(&self.writers).await?;
        Tx::begin(conn, self.now(), self.announced.clone()).await
    }

    /// Begins a transaction that a power cut may undo even after its commit; a crash of this process does
    /// not. Its commit is fast, because it does not wait for the disk. Use it for work that is harmless to do
    /// twice.
    pub async fn begin_relaxed(&self) -> Result<Tx, Error> {
        let conn = self.acquire(&self.writers).await?;
        Tx::begin_relaxed(conn, self.now(), self.announced.clone()).await
    }

    /// Tries to become the one process that does `task` on this database. Returns `None` if another process
    /// does it.
    pub async fn try_lead(&self, task: Task) -> Result<Option<Lead>, Error> {
        match &self.file {
            Some(file) => {
                Lead::beside(file, task).map_err(|error| Error::classify(self.backend, error.into()))
            }
            None => Lead::of_session(self.acquire(&self.writers).await?, task).await,
        }
    }

    /// Acquires a connection for statements that only read. They do not form a transaction.
    pub async fn read(&self) -> Result<Conn, Error> {
        self.acquire(&self.readers).await
    }

    /// Whether other processes may write to this database too.
    pub fn is_shared(&self) -> bool {
        !self.backend.has_one_writer()
    }

    /// The product.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Checks that the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.read().await?.execute(query("SELECT 1")).await?;
        Ok(())
    }

    /// Checks that the database answers and accepts writes. If it refuses writes, returns why.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or a table is missing.
    pub async fn refusal(&self) -> Result<Option<String>, Error> {
        match self.check_tables_and_writes().await {
            Err(Error::Refused(cause)) => Ok(Some(cause.to_string())),
            refusal => refusal,
        }
    }

    async fn check_tables_and_writes(&self) -> Result<Option<String>, Error> {
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
        let rows: Vec<(String,)> = self.read().await?.fetch_all(query_as(self.backend.tables())).await?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    async fn refusal_of_server(&self) -> Result<Option<String>, Error> {
        let mut conn = self.read().await?;
        let find = query_as(self.backend.writability());
        let rows: Vec<(String, Option<String>)> = conn.fetch_all(find).await?;
        if rows.iter().any(|(read_only, _)| read_only == "on") {
            // This session stays read-only, but a new one may not be.
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
            tx.execute(query(self.backend.writability())).await
        };
        match timeout(WRITER_WAIT, write).await {
            // The database accepts writes, because another transaction is writing.
            Err(_) => Ok(None),
            Ok(Err(error)) if error.is_outage() => Ok(None),
            Ok(written) => written.map(|_| None),
        }
    }

    /// The signal of each [announced](Tx::announce_commit) commit; one task may wait for it.
    pub fn announced(&self) -> Arc<Notify> {
        self.announced.clone()
    }

    /// The number of statements that this database and its clones have sent, including `BEGIN`, `COMMIT` and
    /// `ROLLBACK`. On a server, each is a round trip. The statements of the pool itself are not counted: the
    /// settings of a new connection, and the ping when a connection is returned.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Closes all connections, including those of clones, and waits up to 5 s for connections in use. The
    /// last process to close an SQLite file copies its `-wal` file into it and removes the `-wal` file, so a
    /// stopped fleet has only `.db` files.
    pub async fn close(&self) {
        let closing = async {
            self.readers.close().await;
            self.writers.close().await;
        };
        if timeout(CLOSE_TIMEOUT, closing).await.is_err() {
            tracing::warn!(
                timeout_seconds = CLOSE_TIMEOUT.as_secs(),
                "connections to the database were still in use when it was closed"
            );
        }
    }

    async fn acquire(&self, pool: &AnyPool) -> Result<Conn, Error> {
        let connection = pool.acquire().await.map_err(|error| Error::classify(self.backend, error))?;
        Ok(Conn::new(connection, self.backend, self.statement_deadline, self.statements.clone()))
    }
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
        // The pool retries and drops the error, so one attempt without the pool finds it.
        Err(sqlx::Error::PoolTimedOut) => {
            let alone = async { prepare(&mut AnyConnection::connect_with(&options).await?, session).await };
            let failure = timeout(settings.acquire_timeout, alone).await.ok().and_then(Result::err);
            Err(fail(failure.unwrap_or(sqlx::Error::PoolTimedOut)))
        }
        pool => pool.map_err(fail),
    }
}

/// Applies the settings of every connection to a new one.
async fn prepare(connection: &mut AnyConnection, session: Vec<String>) -> Result<(), sqlx::Error> {
    for statement in session {
        connection.execute(AssertSqlSafe(statement)).await?;
    }
    Ok(())
}

fn install_drivers() {
    static DRIVERS: Once = Once::new();
    DRIVERS.call_once(sqlx::any::install_default_drivers);
}

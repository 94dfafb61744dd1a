//! Statements with a deadline, and transactions.
//!
//! A connection that missed a deadline is in an unknown state, and so is what runs on it. It is detached from the pool
//! and closed, never returned: handing it back would make the next caller wait for the same dead peer, and a
//! connection that is merely dropped can take its place in the pool with it (sqlx issue 4349). A connection on which the
//! database refused a statement is closed as well: after an operator has mended the cause, only a new session knows.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, Executor, FromRow};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::backend::Backend;
use crate::error::Error;
use crate::{Query, QueryAs, Row};

/// A connection from the pool; each statement on it has a deadline.
#[derive(Debug)]
pub struct Conn {
    /// `None` once a deadline was missed, or the database refused a statement.
    connection: Option<PoolConnection<Any>>,
    backend: Backend,
    patience: Duration,
    in_transaction: bool,
    /// In a relaxed transaction; the connection must not be used for another one before it is told so.
    is_relaxed: bool,
    /// Counts the statements of the database.
    statements: Arc<AtomicU64>,
}

impl Conn {
    pub(crate) fn new(
        connection: PoolConnection<Any>,
        backend: Backend,
        patience: Duration,
        statements: Arc<AtomicU64>,
    ) -> Self {
        Self {
            connection: Some(connection),
            backend,
            patience,
            in_transaction: false,
            is_relaxed: false,
            statements,
        }
    }

    /// Runs a statement and returns the number of rows it changed.
    ///
    /// # Errors
    ///
    /// When it fails or takes too long.
    pub async fn execute(&mut self, query: Query<'_>) -> Result<u64, Error> {
        let limit = self.patience;
        let outcome = timeout(limit, query.execute(self.connection()?)).await;
        Ok(self.judge(outcome)?.rows_affected())
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    ///
    /// When the statement fails or takes too long, or the row is not a `T`.
    pub async fn fetch_optional<T>(&mut self, query: QueryAs<'_, T>) -> Result<Option<T>, Error>
    where
        T: for<'r> FromRow<'r, Row> + Send + Unpin,
    {
        let limit = self.patience;
        let outcome = timeout(limit, query.fetch_optional(self.connection()?)).await;
        self.judge(outcome)
    }

    /// The one row that a statement such as an aggregate or `RETURNING` always gives.
    ///
    /// # Errors
    ///
    /// As [`fetch_optional`](Self::fetch_optional), and when there is no row.
    pub async fn fetch_one<T>(&mut self, query: QueryAs<'_, T>) -> Result<T, Error>
    where
        T: for<'r> FromRow<'r, Row> + Send + Unpin,
    {
        let row = self.fetch_optional(query).await?;
        row.ok_or(Error::Statement(sqlx::Error::RowNotFound))
    }

    /// All rows; the statement's own LIMIT bounds them.
    ///
    /// # Errors
    ///
    /// As [`fetch_optional`](Self::fetch_optional).
    pub async fn fetch_all<T>(&mut self, query: QueryAs<'_, T>) -> Result<Vec<T>, Error>
    where
        T: for<'r> FromRow<'r, Row> + Send + Unpin,
    {
        let limit = self.patience;
        let outcome = timeout(limit, query.fetch_all(self.connection()?)).await;
        self.judge(outcome)
    }

    /// `($1, $2), ($3, $4)`: the placeholders of `rows` rows with `columns` values each, at most
    /// [`MAX_VALUES`](crate::MAX_VALUES) in all, for a [built](crate::query_built) statement that binds nothing else.
    pub fn values(&self, rows: usize, columns: usize) -> String {
        let row = |row: usize| {
            let placeholders: Vec<String> =
                (1..=columns).map(|column| self.backend.placeholder(row * columns + column)).collect();
            format!("({})", placeholders.join(", "))
        };
        (0..rows).map(row).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn backend(&self) -> Backend {
        self.backend
    }

    /// Ends the connection instead of giving it back to the pool.
    pub(crate) fn close(mut self) {
        drop(self.connection.take().map(PoolConnection::detach));
    }

    async fn control(&mut self, statement: &'static str) -> Result<(), Error> {
        let limit = self.patience;
        let outcome = timeout(limit, self.connection()?.execute(statement)).await;
        self.judge(outcome).map(|_| ())
    }

    /// The connection, for one statement.
    fn connection(&mut self) -> Result<&mut AnyConnection, Error> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.connection.as_deref_mut().ok_or(Error::Deadline)
    }

    fn judge<T>(&mut self, outcome: Result<sqlx::Result<T>, Elapsed>) -> Result<T, Error> {
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let error = Error::classify(self.backend, error);
                if matches!(error, Error::Refused(_)) {
                    // Its session may be read-only, or without a role, for as long as it lasts.
                    drop(self.connection.take().map(PoolConnection::detach));
                }
                Err(error)
            }
            Err(Elapsed { .. }) => {
                drop(self.connection.take().map(PoolConnection::detach));
                Err(Error::Deadline)
            }
        }
    }
}

impl Drop for Conn {
    /// A transaction that was not committed is rolled back before its connection goes back to the pool.
    fn drop(&mut self) {
        if !self.in_transaction {
            return;
        }
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        if self.is_relaxed {
            drop(connection.detach());
            return;
        }
        let limit = self.patience;
        if let Ok(runtime) = Handle::try_current() {
            self.statements.fetch_add(1, Ordering::Relaxed);
            runtime.spawn(async move {
                let rolled_back = timeout(limit, connection.execute("ROLLBACK")).await;
                if !matches!(rolled_back, Ok(Ok(_))) {
                    drop(connection.detach());
                }
            });
        } else {
            drop(connection.detach());
        }
    }
}

/// A transaction that writes. Dropped without [`commit`](Self::commit), it never happened.
#[derive(Debug)]
pub struct Tx {
    conn: Conn,
    now: Timestamp,
    announced: Arc<Notify>,
    announce: bool,
}

impl Tx {
    pub(crate) async fn begin(mut conn: Conn, now: Timestamp, announced: Arc<Notify>) -> Result<Self, Error> {
        // Set first: should this future be dropped while the statement runs, the transaction may have begun.
        conn.in_transaction = true;
        conn.control(conn.backend.begin()).await?;
        Ok(Self { conn, now, announced, announce: false })
    }

    pub(crate) async fn begin_relaxed(
        mut conn: Conn,
        now: Timestamp,
        announced: Arc<Notify>,
    ) -> Result<Self, Error> {
        conn.in_transaction = true;
        conn.is_relaxed = true;
        for statement in conn.backend.begin_relaxed() {
            conn.control(statement).await?;
        }
        Ok(Self { conn, now, announced, announce: false })
    }

    /// The one time of everything that happens in this transaction.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Waits until no other transaction holds `key`, and holds it until this one ends: for a rule over several rows, some of
    /// which may not be there yet. `key` is the id of what the rule is about.
    ///
    /// # Errors
    ///
    /// When that takes too long.
    pub async fn lock(&mut self, key: i64) -> Result<(), Error> {
        if let Some(sql) = self.conn.backend.lock() {
            self.conn.execute(crate::query(sql).bind(key)).await?;
        }
        Ok(())
    }

    /// Wakes the waiter on [`Db::announced`](crate::Db::announced) once this transaction is committed.
    pub fn announce_commit(&mut self) {
        self.announce = true;
    }

    /// Makes it happen.
    ///
    /// # Errors
    ///
    /// When the database refuses; after [`Error::InDoubt`] it is not known whether it happened.
    pub async fn commit(mut self) -> Result<(), Error> {
        self.conn.control("COMMIT").await.map_err(Error::of_commit)?;
        if self.conn.is_relaxed
            && let Some(statement) = self.conn.backend.end_relaxed()
        {
            self.conn.control(statement).await?;
        }
        self.conn.in_transaction = false;
        if self.announce {
            self.announced.notify_one();
        }
        Ok(())
    }
}

impl Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

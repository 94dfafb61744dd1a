//! Statements with a deadline, and transactions.
//!
//! A connection that missed a deadline is in an unknown state, and so is its statement. It is detached from
//! the pool and closed: if it were returned to the pool, the next caller would wait for the same dead peer,
//! and if it were only dropped, the pool could lose its slot (sqlx issue 4349). A connection on which the
//! database refused a statement is closed too, because only a new session notices that an operator has
//! removed the cause.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, Executor, FromRow};
use telemetry::{Span, SpanKind};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::backend::Backend;
use crate::error::Error;
use crate::statement::{Query, QueryAs, Row, query};

/// A connection from the pool. Each statement on it has a deadline.
#[derive(Debug)]
pub struct Conn {
    /// `None` after a missed deadline or a refused statement.
    connection: Option<PoolConnection<Any>>,
    backend: Backend,
    statement_deadline: Duration,
    in_transaction: bool,
    /// Whether a relaxed transaction has changed the settings of the connection, which must be reset before
    /// it is used again.
    is_relaxed: bool,
    /// Counts the statements of the database.
    statements: Arc<AtomicU64>,
}

impl Conn {
    pub(crate) fn new(
        connection: PoolConnection<Any>,
        backend: Backend,
        statement_deadline: Duration,
        statements: Arc<AtomicU64>,
    ) -> Self {
        Self {
            connection: Some(connection),
            backend,
            statement_deadline,
            in_transaction: false,
            is_relaxed: false,
            statements,
        }
    }

    /// Executes a statement and returns the number of changed rows.
    pub async fn execute(&mut self, query: Query<'_>) -> Result<u64, Error> {
        let limit = self.statement_deadline;
        let outcome = timeout(limit, query.execute(self.connection()?)).await;
        Ok(self.check(outcome)?.rows_affected())
    }

    /// Executes a statement and returns its first row, if it has one.
    pub async fn fetch_optional<T>(&mut self, query: QueryAs<'_, T>) -> Result<Option<T>, Error>
    where
        T: for<'r> FromRow<'r, Row> + Send + Unpin,
    {
        let limit = self.statement_deadline;
        let outcome = timeout(limit, query.fetch_optional(self.connection()?)).await;
        self.check(outcome)
    }

    /// Executes a statement that always has a row, such as an aggregate, and returns this row.
    ///
    /// # Errors
    ///
    /// When the statement fails, or returns no row.
    pub async fn fetch_one<T>(&mut self, query: QueryAs<'_, T>) -> Result<T, Error>
    where
        T: for<'r> FromRow<'r, Row> + Send + Unpin,
    {
        let row = self.fetch_optional(query).await?;
        row.ok_or(Error::Statement(sqlx::Error::RowNotFound))
    }

    /// Executes a statement and returns all its rows. Their number is bounded only by a `LIMIT` in the
    /// statement.
    pub async fn fetch_all<T>(&mut self, query: QueryAs<'_, T>) -> Result<Vec<T>, Error>
    where
        T: for<'r> FromRow<'r, Row> + Send + Unpin,
    {
        let limit = self.statement_deadline;
        let outcome = timeout(limit, query.fetch_all(self.connection()?)).await;
        self.check(outcome)
    }

    /// The placeholders of `rows` rows with `columns` values each, such as `($1, $2), ($3, $4)`: at most
    /// [`MAX_VALUES`](crate::MAX_VALUES) in all, for a [built](crate::query_built) statement that binds no
    /// other values.
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

    /// Closes the connection instead of returning it to the pool.
    pub(crate) fn close(mut self) {
        drop(self.connection.take().map(PoolConnection::detach));
    }

    /// Begins the span of a transaction of the current request or event.
    fn span(&self) -> Option<Span> {
        let mut span = Span::of_step(SpanKind::Client, "transaction")?;
        span.set("db.system.name", self.backend.system_name());
        Some(span)
    }

    async fn control(&mut self, statement: &'static str) -> Result<(), Error> {
        let limit = self.statement_deadline;
        let outcome = timeout(limit, self.connection()?.execute(statement)).await;
        self.check(outcome).map(|_| ())
    }

    /// The connection, for one statement, which is counted.
    fn connection(&mut self) -> Result<&mut AnyConnection, Error> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        self.connection.as_deref_mut().ok_or(Error::Deadline)
    }

    fn check<T>(&mut self, outcome: Result<sqlx::Result<T>, Elapsed>) -> Result<T, Error> {
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let error = Error::classify(self.backend, error);
                if matches!(error, Error::Refused(_)) {
                    // The session may stay read-only, or without a role, until it ends.
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
    /// Rolls back a transaction that was not committed, and then returns the connection to the pool.
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
        let limit = self.statement_deadline;
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

/// A transaction that writes. Dropping it without a [`commit`](Self::commit) rolls it back.
#[derive(Debug)]
pub struct Tx {
    conn: Conn,
    now: Timestamp,
    announced: Arc<Notify>,
    announce: bool,
    /// Ends with the transaction; absent if the trace is not exported.
    span: Option<Span>,
}

impl Tx {
    pub(crate) async fn begin(mut conn: Conn, now: Timestamp, announced: Arc<Notify>) -> Result<Self, Error> {
        // Set first, because the transaction may have begun even if this future is dropped while the
        // statement runs.
        conn.in_transaction = true;
        let span = conn.span();
        conn.control(conn.backend.begin()).await?;
        Ok(Self { conn, now, announced, announce: false, span })
    }

    pub(crate) async fn begin_relaxed(
        mut conn: Conn,
        now: Timestamp,
        announced: Arc<Notify>,
    ) -> Result<Self, Error> {
        conn.in_transaction = true;
        conn.is_relaxed = true;
        let span = conn.span();
        for statement in conn.backend.begin_relaxed() {
            conn.control(statement).await?;
        }
        Ok(Self { conn, now, announced, announce: false, span })
    }

    /// The time of all changes in this transaction.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Waits until no other transaction holds the lock `number`, and holds it until this transaction ends.
    /// Use it for a rule over several rows, some of which may not exist yet. [`locks`](crate::locks) lists
    /// the numbers.
    pub async fn lock(&mut self, number: i64) -> Result<(), Error> {
        if let Some(sql) = self.conn.backend.lock() {
            self.conn.execute(query(sql).bind(number)).await?;
        }
        Ok(())
    }

    /// Signals [`Db::announced`](crate::Db::announced) when this transaction is committed.
    pub fn announce_commit(&mut self) {
        self.announce = true;
    }

    /// Commits the transaction.
    ///
    /// # Errors
    ///
    /// After [`Error::InDoubt`], the transaction may or may not have been committed.
    pub async fn commit(mut self) -> Result<(), Error> {
        let committed = self.conn.control("COMMIT").await.map_err(Error::of_commit);
        if let Some(span) = &mut self.span {
            match &committed {
                Ok(()) => span.set("marquee.db.committed", true),
                Err(error) => span.fail(error.to_string()),
            }
        }
        committed?;
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

//! What a caller can do about a failure: wait, or not.

use crate::backend::Backend;

/// Why a statement, or opening the database, failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is away, overloaded or full; the same statement may succeed later.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// No answer within the statement's deadline. The connection is given up.
    #[error("the database did not answer in time")]
    Deadline,
    /// A row holds what the program never writes.
    #[error("row {table} {key} is corrupt: {detail}")]
    Corrupt { table: &'static str, key: String, detail: String },
    /// The schema could not be brought to this version.
    #[error("the database cannot be migrated")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// A bug: the statement is wrong, or a constraint was violated that no input should violate.
    #[error("the statement failed")]
    Statement(#[source] sqlx::Error),
}

impl Error {
    /// Whether the same call may succeed later without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Deadline)
    }

    /// A row of `table` that cannot be read back as what it stands for.
    pub fn corrupt(table: &'static str, key: impl ToString, detail: impl ToString) -> Self {
        Self::Corrupt { table, key: key.to_string(), detail: detail.to_string() }
    }

    pub(crate) fn classify(backend: Backend, error: sqlx::Error) -> Self {
        let passes = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(error) => error.code().is_some_and(|code| backend.is_transient(&code)),
            _ => false,
        };
        if passes { Self::Unavailable(error) } else { Self::Statement(error) }
    }
}

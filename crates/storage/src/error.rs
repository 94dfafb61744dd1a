//! Errors, by whether the failed statement may succeed later.

use crate::backend::{Backend, Cause};

/// Why a statement, or opening the database, failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is unreachable or overloaded. The same statement may succeed later.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// The database answers but cannot execute the statement: it is read-only or full, or a table or a
    /// permission is missing. The same statement succeeds once an operator has removed the cause. The
    /// connection has been closed, because its session may not notice that.
    #[error("the database refuses the statement")]
    Refused(#[source] sqlx::Error),
    /// The statement missed its deadline. The connection has been closed.
    #[error("the database did not answer in time")]
    Deadline,
    /// A commit was requested but not confirmed, so the transaction may or may not have been committed.
    #[error("it is unknown whether the transaction was committed")]
    InDoubt(#[source] Box<Self>),
    /// A row contains a value that the program never writes.
    #[error("row {table} {key} is corrupt: {detail}")]
    Corrupt { table: &'static str, key: String, detail: String },
    /// A migration failed, or the schema is newer than this program.
    #[error("the database cannot be migrated")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// A table that the migrations created is missing: the database was restored or replaced while the
    /// process was running.
    #[error("table {0} is missing: the database is not migrated")]
    NotMigrated(String),
    /// The statement violates a constraint, or a value is out of range. Where requests are validated, this is
    /// a bug.
    #[error("the statement failed")]
    Statement(#[source] sqlx::Error),
}

impl Error {
    /// Whether the same call may succeed later, with or without an operator.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Refused(_) | Self::Deadline | Self::InDoubt(_))
    }

    /// Whether the database did not answer, which may pass without an operator.
    pub fn is_outage(&self) -> bool {
        self.is_transient() && !matches!(self, Self::Refused(_))
    }

    /// The error of a commit, given the error of its statement.
    pub(crate) fn of_commit(self) -> Self {
        let may_have_happened = match &self {
            // The error means that the commit failed, except that a server which is shutting down may send it
            // after a commit.
            Self::Unavailable(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code.starts_with("57P"))
            }
            Self::Unavailable(_) | Self::Deadline => true,
            _ => false,
        };
        if may_have_happened { Self::InDoubt(Box::new(self)) } else { self }
    }

    /// The error for a row of `table` that cannot be converted to its type.
    pub fn corrupt(table: &'static str, key: impl ToString, detail: impl ToString) -> Self {
        Self::Corrupt { table, key: key.to_string(), detail: detail.to_string() }
    }

    pub(crate) fn classify(backend: Backend, error: sqlx::Error) -> Self {
        let cause = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Cause::Outage,
            sqlx::Error::Database(error) => backend.cause_of(&error.code().unwrap_or_default()),
            _ => Cause::Statement,
        };
        match cause {
            Cause::Outage => Self::Unavailable(error),
            Cause::Refusal => Self::Refused(error),
            Cause::Statement => Self::Statement(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unanswered_commit_is_in_doubt_and_refused_commit_is_not() {
        let broken = || sqlx::Error::Io(std::io::ErrorKind::UnexpectedEof.into());
        for error in [Error::Unavailable(broken()), Error::Deadline] {
            let error = error.of_commit();
            assert!(matches!(error, Error::InDoubt(_)), "{error:?}");
            assert!(error.is_transient());
        }
        let refused = Error::Statement(sqlx::Error::RowNotFound).of_commit();
        assert!(matches!(refused, Error::Statement(_)), "{refused:?}");
    }
}

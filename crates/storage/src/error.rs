//! What a caller can do about a failure: wait, or not.

use crate::backend::{Backend, Cause};

/// Why a statement, or opening the database, failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database is away or overloaded; the same statement may succeed later.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// The database answers, and does not do what it is asked to: it is read-only or full, or a table or a permission is
    /// missing. The same statement succeeds once an operator has mended that. The connection is closed, as its session
    /// may keep the state of before.
    #[error("the database refuses")]
    Refused(#[source] sqlx::Error),
    /// No answer within the statement's deadline. The connection is given up.
    #[error("the database did not answer in time")]
    Deadline,
    /// A commit was asked for and not answered: whether it happened is not known.
    #[error("whether the transaction was committed is not known")]
    InDoubt(#[source] Box<Self>),
    /// A row holds what the program never writes.
    #[error("row {table} {key} is corrupt: {detail}")]
    Corrupt { table: &'static str, key: String, detail: String },
    /// The schema could not be brought to this version.
    #[error("the database cannot be migrated")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// A table is gone that the migrations made: the database was restored or replaced under the process.
    #[error("table {0} is missing: the database is not migrated")]
    NotMigrated(String),
    /// The statement is at fault: it violates a constraint, or a value is out of range. Behind a door that checks its
    /// input, that is a bug.
    #[error("the statement failed")]
    Statement(#[source] sqlx::Error),
}

impl Error {
    /// Whether the same call may succeed later: by itself, or once an operator has mended the database.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Refused(_) | Self::Deadline | Self::InDoubt(_))
    }

    /// Whether the database gave no answer, which may pass without an operator.
    pub fn is_outage(&self) -> bool {
        self.is_transient() && !matches!(self, Self::Refused(_))
    }

    /// What a failed commit is to its caller.
    pub(crate) fn of_commit(self) -> Self {
        let may_have_happened = match &self {
            // The database's word that it did not; a server that is stopped may give it after the fact.
            Self::Unavailable(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code.starts_with("57P"))
            }
            Self::Unavailable(_) | Self::Deadline => true,
            _ => false,
        };
        if may_have_happened { Self::InDoubt(Box::new(self)) } else { self }
    }

    /// A row of `table` that cannot be read back as what it stands for.
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
    fn a_commit_without_an_answer_may_have_happened_and_one_that_is_refused_has_not() {
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

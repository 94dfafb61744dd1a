//! Being the one process of several that does a task.
//!
//! On PostgreSQL the claim is an advisory lock of a session: it ends with the connection, however that ends, and the next
//! one to ask has it. For a moment two may believe that they lead (the first has not noticed yet that its connection is
//! gone), so a task must be harmless when two do it; leading only keeps them from doing the same work.
//!
//! On SQLite it is a locked file beside the database, which the operating system frees however its process ends.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use crate::conn::Conn;
use crate::error::Error;

/// What is done by one process at a time.
#[derive(Clone, Copy, Debug)]
pub enum Task {
    /// Sending the outbox.
    Relay,
    /// Making the tables of a view anew.
    Rebuild,
}

impl Task {
    /// Positive keys are for rows (`Tx::lock`), and -1 is for migrations.
    fn key(self) -> i64 {
        match self {
            Self::Relay => -2,
            Self::Rebuild => -3,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Rebuild => "rebuild",
        }
    }
}

/// The claim to a task; dropped, another process may have it.
#[derive(Debug)]
pub struct Lead(Option<Claim>);

#[derive(Debug)]
enum Claim {
    Session(Conn),
    File { _locked: File },
}

impl Lead {
    pub(crate) async fn of_session(mut session: Conn, task: Task) -> Result<Option<Self>, Error> {
        let claim =
            crate::query_as("SELECT CASE WHEN pg_try_advisory_lock($1) THEN CAST(1 AS BIGINT) ELSE 0 END");
        let (leads,): (i64,) = session.fetch_one(claim.bind(task.key())).await?;
        Ok((leads == 1).then(|| Self(Some(Claim::Session(session)))))
    }

    pub(crate) fn beside(database: &Path, task: Task) -> io::Result<Option<Self>> {
        let mut path = OsString::from(database);
        path.push(format!("-{}.lock", task.name()));
        let file = File::options().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(Some(Claim::File { _locked: file })))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether the claim still stands.
    pub async fn is_held(&mut self) -> bool {
        match &mut self.0 {
            Some(Claim::Session(session)) => session.execute(crate::query("SELECT 1")).await.is_ok(),
            Some(Claim::File { .. }) => true,
            None => false,
        }
    }
}

impl Drop for Lead {
    /// The lock ends with its session, so the connection must not go back to the pool.
    fn drop(&mut self) {
        if let Some(Claim::Session(session)) = self.0.take() {
            session.close();
        }
    }
}

//! Elects one of several processes to do a task.
//!
//! On PostgreSQL, the leader holds an advisory lock of its session. When the connection ends for any reason,
//! the next process to try becomes the leader. Two processes may lead for a moment, because the first has not
//! noticed yet that its connection is broken. So a task must be harmless when two processes do it; the
//! election only saves them the work.
//!
//! On SQLite, the leader holds a lock on a file beside the database, which the operating system releases when
//! the process ends.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use crate::conn::Conn;
use crate::error::Error;
use crate::locks;
use crate::statement::{query, query_as};

/// A task that one process at a time does.
#[derive(Clone, Copy, Debug)]
pub enum Task {
    /// Publishing the outbox.
    Relay,
    /// Rebuilding the tables of a view.
    Rebuild,
}

impl Task {
    /// The number of the task's lock.
    fn lock(self) -> i64 {
        match self {
            Self::Relay => locks::RELAY,
            Self::Rebuild => locks::REBUILD,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Rebuild => "rebuild",
        }
    }
}

/// The right to do a task. Dropping it lets another process lead.
#[derive(Debug)]
pub struct Lead(Option<Claim>);

#[derive(Debug)]
enum Claim {
    Session(Conn),
    File { _locked: File },
}

impl Lead {
    pub(crate) async fn of_session(mut session: Conn, task: Task) -> Result<Option<Self>, Error> {
        let claim = query_as("SELECT CASE WHEN pg_try_advisory_lock($1) THEN CAST(1 AS BIGINT) ELSE 0 END");
        let (leads,): (i64,) = session.fetch_one(claim.bind(task.lock())).await?;
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

    /// Whether this process still leads.
    pub async fn is_held(&mut self) -> bool {
        match &mut self.0 {
            Some(Claim::Session(session)) => session.execute(query("SELECT 1")).await.is_ok(),
            Some(Claim::File { .. }) => true,
            None => false,
        }
    }
}

impl Drop for Lead {
    /// Ends the session, which releases the lock.
    fn drop(&mut self) {
        if let Some(Claim::Session(session)) = self.0.take() {
            session.close();
        }
    }
}

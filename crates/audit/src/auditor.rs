//! Audits over REST for a process that serves requests: one at a time, apart from its event loops.

use std::sync::Arc;
use std::{io, thread};

use tokio::runtime::Builder;
use tokio::sync::{Mutex, oneshot};

use crate::report::{Report, Terms};
use crate::rest::{Rest, RestError};

/// Runs one audit at a time.
#[derive(Debug)]
pub struct Auditor {
    bases: [String; 5],
    turn: Arc<Mutex<()>>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("another audit is running")]
    InProgress,
    #[error(transparent)]
    Rest(#[from] RestError),
    #[error("cannot start a thread for the audit")]
    NoThread(#[from] io::Error),
    #[error("the audit panicked")]
    Panicked,
}

impl Auditor {
    /// Takes the addresses of book, payment, ticket, point and mypage.
    pub fn new(bases: [String; 5]) -> Self {
        Self { bases, turn: Arc::default() }
    }

    /// Audits the first `limit` bookings on a separate thread, so that the caller's event loop keeps serving. Dropping the
    /// future ends the audit.
    ///
    /// # Errors
    ///
    /// When another audit is running, a service does not answer, or the thread cannot start.
    pub async fn audit(&self, terms: Terms, limit: u64) -> Result<Report, AuditError> {
        let turn = self.turn.clone().try_lock_owned().map_err(|_| AuditError::InProgress)?;
        let bases = self.bases.clone();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (mut sender, outcome) = oneshot::channel();
        thread::Builder::new().name("audit".to_owned()).spawn(move || {
            let report = runtime.block_on(async {
                let rest = Rest::new(bases);
                tokio::select! {
                    report = rest.audit(terms, limit) => Some(report),
                    () = sender.closed() => None,
                }
            });
            // The caller may start the next audit as soon as it has this report.
            drop(turn);
            if let Some(report) = report {
                // A caller that left at this moment needs no report.
                let _ = sender.send(report);
            }
        })?;
        Ok(outcome.await.map_err(|_| AuditError::Panicked)??)
    }
}

//! Runs one audit by REST at a time, apart from the event loops of the calling process.

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

/// Why an audit has no report.
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
    /// `bases` are the addresses of book, payment, ticket, point and mypage.
    pub fn new(bases: [String; 5]) -> Self {
        Self { bases, turn: Arc::default() }
    }

    /// Audits the first `limit` bookings on a separate thread, so that the caller's event loop continues to
    /// serve. Dropping the future ends the audit.
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
            // Release the turn first: the caller may start the next audit as soon as it has this report.
            drop(turn);
            if let Some(report) = report {
                // This fails if the caller has gone, which then needs no report.
                let _ = sender.send(report);
            }
        })?;
        Ok(outcome.await.map_err(|_| AuditError::Panicked)??)
    }
}

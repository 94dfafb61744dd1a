//! Finishes the collections that broke off.
//!
//! A crash, a customer who did not wait, or a point service that gave no answer leaves a ticket `Printing`: its points
//! may have been granted, so it can neither be canceled nor go back. Here they are asked for again, which grants them
//! at most once, and the ticket is finished.
//!
//! No input, no memory, no retries inside: what fails is found again the next time. It may be cut off anywhere, as a
//! crash may.

use std::ops::ControlFlow;
use std::time::Duration;

use events::TicketId;
use jiff::Timestamp;
use process::crash;
use telemetry::chain;
use telemetry::trace_context::TraceContext;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::AppState;
use crate::app::{CollectError, resume_collecting, settle_collecting};
use crate::clients::outcome_of;
use crate::store::tickets;

/// Pause between two looks.
const EVERY: Duration = Duration::from_secs(5);
/// Tickets of one look; the next one takes the rest.
const BATCH: i64 = 100;

/// The reconciler of one process.
#[derive(Clone, Debug)]
pub struct Reconciler {
    state: AppState,
    patience: Duration,
}

impl Reconciler {
    /// `deadline` is that of a call to the point service: whoever began a collection longer than two of it ago is not
    /// going to finish it.
    pub fn new(state: AppState, deadline: Duration) -> Self {
        Self { state, patience: deadline * 2 }
    }

    /// Looks every five seconds until `stop`. At the first look whatever is unfinished was left by an earlier process.
    pub async fn run(self, stop: CancellationToken) {
        let mut timer = interval(EVERY);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unheard_for = Duration::ZERO;
        let looks = async {
            loop {
                timer.tick().await;
                match self.finish_all(unheard_for).await {
                    Ok(()) => unheard_for = self.patience,
                    Err(error) => {
                        tracing::warn!(cause = chain(&error), "collections stay unfinished for now");
                    }
                }
            }
        };
        tokio::select! { () = looks => {}, () = stop.cancelled() => {} }
    }

    /// One look: finishes the collections of which nothing was heard for that long, until the point service fails.
    /// Each one asked for goes to the end of the line, so that none holds up the others for good.
    pub async fn finish_all(&self, unheard_for: Duration) -> Result<(), CollectError> {
        let before = Timestamp::now() - unheard_for;
        let unfinished = tickets::unfinished(&mut self.state.db.read().await?, before, BATCH).await?;
        for id in unfinished {
            let span = tracing::info_span!("reconcile", booking_id = %id);
            let finish = self.finish(id).instrument(span);
            if TraceContext::root().scope(finish).await?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The three steps of [`http::collect`](crate::http::collect), for a ticket that nobody waits for. Breaks off when
    /// the point service fails.
    async fn finish(&self, id: TicketId) -> Result<ControlFlow<()>, CollectError> {
        let mut tx = self.state.db.begin().await?;
        let Some(ticket) = resume_collecting(&mut tx, id).await? else {
            return Ok(ControlFlow::Continue(()));
        };
        tx.commit().await?;
        crash::point("ticket.reconciler.resumed");

        let answer = self.state.points.award(&ticket).await;
        crash::point("ticket.reconciler.awarded");

        let mut tx = self.state.db.begin().await?;
        settle_collecting(&mut tx, id, outcome_of(&answer)).await?;
        tx.commit().await?;

        match answer {
            Ok(()) => {
                tracing::info!("a collection that broke off is finished");
                Ok(ControlFlow::Continue(()))
            }
            Err(failure) => {
                tracing::warn!(cause = chain(&failure), "a collection stays unfinished for now");
                Ok(ControlFlow::Break(()))
            }
        }
    }
}

//! Finishes interrupted collections.
//!
//! A crash, a customer who disconnects, or a point service that does not respond leaves a ticket `Printing`.
//! Its points may have been granted, so it can neither be canceled nor wait again. The reconciler requests
//! the points again, which grants nothing more, and prints the ticket.
//!
//! The reconciler keeps no state and does not retry: the next round finds what failed. It may be stopped
//! anywhere, like in a crash.
//!
//! # Replicas
//!
//! Every replica runs a reconciler. **A reconciler assumes nothing about other replicas: any of them may be
//! collecting the same ticket at the same time.** No replica claims a ticket, because two that finish the
//! same one do no harm:
//!
//! - A round takes tickets that have been `Printing` and unchanged for two deadlines of a call, so usually no
//!   other process is waiting for their points. This only saves calls. The first round after a start takes
//!   all `Printing` tickets, and a list is outdated as soon as it is read.
//! - Each step reads the ticket under its row lock ([`tickets::find_for_update`]) and writes it in the same
//!   transaction, so no replica overwrites the change of another.
//! - [`resume_collecting`] continues a ticket only if it is still `Printing` under that lock. If another
//!   replica has found that no request for its points was sent, the ticket is `Waiting`, and only a customer
//!   at the cinema may collect it. The test `reconciler_does_not_collect_a_ticket_that_waits_again` holds
//!   this.
//! - Each replica counts its own request for points and takes only that one off the count. Point grants a
//!   booking's points once. The first replica with the outcome `Granted` publishes `Printed`; for the others
//!   the ticket is already printed, and nothing changes. The test `two_reconcilers_print_a_ticket_once` holds
//!   this.

use std::ops::ControlFlow;
use std::time::Duration;

use events::TicketId;
use events::headers::BOOKING_ATTRIBUTE;
use process::crash;
use telemetry::chain;
use telemetry::outage::{DATABASE, Outage};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::AppState;
use crate::app::{CollectError, resume_collecting, settle_collecting};
use crate::clients::outcome_of;
use crate::store::tickets;

/// Pause between two rounds.
const EVERY: Duration = Duration::from_secs(5);
/// Maximum number of tickets per round; the next round takes the rest.
const BATCH: i64 = 100;

/// The reconciler of one process.
#[derive(Debug)]
pub struct Reconciler {
    state: AppState,
    interrupted_after: Duration,
    /// The outages that leave collections unfinished until a later round.
    database: Outage,
    points: Outage,
}

impl Reconciler {
    /// A reconciler for calls to the point service with this `deadline`. A `Printing` ticket that has not
    /// changed for two deadlines counts as interrupted: the process that changed it last no longer waits for
    /// a response.
    pub fn new(state: AppState, deadline: Duration) -> Self {
        Self {
            state,
            interrupted_after: deadline * 2,
            database: Outage::of(DATABASE),
            points: Outage::of("point"),
        }
    }

    /// Runs a round every five seconds until `stop`. The first round takes every `Printing` ticket, because
    /// most of them were left by an earlier process.
    pub async fn run(self, stop: CancellationToken) {
        let mut timer = interval(EVERY);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut unchanged_for = Duration::ZERO;
        let rounds = async {
            loop {
                timer.tick().await;
                match self.run_once(unchanged_for).await {
                    Ok(()) => {
                        self.database.succeeded();
                        unchanged_for = self.interrupted_after;
                    }
                    Err(error) => self.database.failed(chain(&error)),
                }
            }
        };
        tokio::select! { () = rounds => {}, () = stop.cancelled() => {} }
    }

    /// Finishes the collections whose tickets have not changed for that long, until a call to the point
    /// service fails. Each ticket that it takes goes to the end of the queue, so that none delays the others
    /// forever.
    pub async fn run_once(&self, unchanged_for: Duration) -> Result<(), CollectError> {
        let before = self.state.db.now() - unchanged_for;
        let printing = tickets::list_printing(&mut self.state.db.read().await?, before, BATCH).await?;
        if printing.is_empty() {
            self.points.forget();
        }
        for id in printing {
            let mut exported = telemetry::Span::of_own_work("reconcile");
            exported.set(BOOKING_ATTRIBUTE, id.get());
            let trace = exported.context();
            let span = tracing::info_span!("reconcile", booking_id = id.get(), trace_id = trace.trace_id());
            let finish = self.finish(id).instrument(span);
            if trace.scope(finish).await?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Finishes one collection by the three steps of [`http::collect`](crate::http::collect). Breaks if the
    /// call to the point service fails.
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
                self.points.succeeded();
                tracing::info!("an interrupted collection is finished");
                Ok(ControlFlow::Continue(()))
            }
            Err(failure) => {
                self.points.failed(chain(&failure));
                Ok(ControlFlow::Break(()))
            }
        }
    }
}

//! Rebuilds the view from the first event on, while the old one is shown and updated.
//!
//! The new view is written to the shadow, tables that nobody reads, and then replaces the old one in one
//! transaction. Two writers fill the shadow: the rebuild applies the log up to its last record, and each
//! running consumer applies new events to the view and to the shadow. The rebuild opens the shadow to the
//! consumers before it looks up the end of the log. So every event is applied by at least one of them. Some
//! are applied twice, and later ones first, which changes nothing ([`crate::domain`]).
//!
//! If a rebuild ends early for any reason, the old view stays, and the next rebuild starts over.

use std::time::Duration;

use event_log::incarnation::FIRST;
use event_log::{History, Received, SeedTimeZone, Transport, TransportError};
use events::{DecodeError, TOPIC};
use jiff::Timestamp;
use messaging::consumer::read;
use messaging::{Delivery, incarnation};
use storage::{Db, Error, Task};
use telemetry::chain;
use telemetry::outage::DATABASE;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::SERVICE;
use crate::app::{self, StepOutcome};
use crate::consumers::BookingStory;
use crate::store::shadow;

/// Maximum number of records per transaction.
const BATCH: usize = 500;
/// How often the progress is logged.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Pause before a step is retried while the database is unavailable.
const PAUSE: Duration = Duration::from_millis(500);
/// Maximum number of attempts per step.
const ATTEMPTS: usize = 60;

/// The records that a rebuild has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    pub records: u64,
    /// The number of records that cannot be decoded. Consumers could not decode them either; they are in the
    /// dead letters.
    pub unreadable: u64,
}

/// The reason why the view was not rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    #[error("another rebuild is already running on this database")]
    UnderWay,
    #[error("another rebuild has begun in the meantime and continues")]
    Superseded,
    #[error("the event log is empty but the view is not: EVENTS_URL points to another log")]
    NoEvents,
    #[error("the event log has lost its first events: the new view would lack bookings that the old one has")]
    EventsAreLost,
    #[error("the rebuild was stopped")]
    Stopped,
    #[error(transparent)]
    Storage(#[from] Error),
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// Rebuilds the view.
///
/// # Errors
///
/// After an error, the old view is still shown.
pub async fn run(
    db: &Db,
    transport: &dyn Transport,
    stop: &CancellationToken,
) -> Result<Rebuilt, RebuildError> {
    let Some(_lead) = db.try_lead(Task::Rebuild).await? else {
        return Err(RebuildError::UnderWay);
    };
    let rebuild = Rebuild::begin(db, transport.seed_time_zone()).await?;
    let outcome = rebuild.complete(transport, stop).await;
    if let Err(error) = rebuild.clean_up().await {
        // Nothing reads the shadow, and the next rebuild begins by emptying it.
        tracing::warn!(cause = chain(&error), "the shadow was not emptied");
    }
    let Rebuilt { records, unreadable } = outcome?;
    tracing::info!(records, unreadable, "the view is rebuilt");
    Ok(Rebuilt { records, unreadable })
}

/// A running rebuild.
struct Rebuild<'a> {
    db: &'a Db,
    seed_time_zone: SeedTimeZone,
    started_at: Timestamp,
}

impl<'a> Rebuild<'a> {
    async fn begin(db: &'a Db, seed_time_zone: SeedTimeZone) -> Result<Self, Error> {
        let mut tx = db.begin().await?;
        let started_at = app::begin_rebuild(&mut tx).await?;
        tx.commit().await?;
        Ok(Self { db, seed_time_zone, started_at })
    }

    /// Fills the shadow and shows it. The order of the steps makes the new view complete: consumers write to
    /// the shadow before the end of the log is looked up, and the shadow is shown once it has all events up
    /// to there.
    async fn complete(
        &self,
        transport: &dyn Transport,
        stop: &CancellationToken,
    ) -> Result<Rebuilt, RebuildError> {
        self.clear().await?;
        self.run_step(Step::Open).await?;
        let history = transport.history(TOPIC).await?;
        // A topic that was deleted and created again begins with its own first record; earlier ones are lost.
        let is_first = incarnation::current(self.db, transport).await? == FIRST;
        self.check_history(history.total(), history.is_whole() && is_first).await?;
        let read = self.replay(history, stop).await?;
        self.run_step(Step::Show).await?;
        Ok(read)
    }

    /// Empties the shadow and ends the rebuild, whether it succeeded or not.
    async fn clean_up(&self) -> Result<(), RebuildError> {
        self.run_step(Step::Close).await?;
        self.clear().await?;
        self.run_step(Step::End).await?;
        Ok(())
    }

    /// Empties the shadow in parts, as each statement has a deadline.
    async fn clear(&self) -> Result<(), RebuildError> {
        while self.run_step(Step::Clear).await? == StepOutcome::More {}
        Ok(())
    }

    /// Refuses a log that lacks events of the present view.
    async fn check_history(&self, total: u64, is_whole: bool) -> Result<(), RebuildError> {
        let mut conn = self.db.read().await?;
        if shadow::is_view_empty(&mut conn).await? {
            return Ok(());
        }
        match (total, is_whole) {
            (0, _) => Err(RebuildError::NoEvents),
            (_, false) => Err(RebuildError::EventsAreLost),
            _ => Ok(()),
        }
    }

    /// Applies all events of the log to the shadow.
    async fn replay(
        &self,
        mut history: Box<dyn History>,
        stop: &CancellationToken,
    ) -> Result<Rebuilt, RebuildError> {
        let mut progress = Progress::new(history.total());
        let mut read = Rebuilt { records: 0, unreadable: 0 };
        loop {
            let batch = tokio::select! {
                batch = history.next(BATCH) => batch?,
                () = stop.cancelled() => return Err(RebuildError::Stopped),
            };
            if batch.is_empty() {
                return Ok(read);
            }
            read.unreadable += self.replay_batch(&batch).await?;
            read.records += batch.len() as u64;
            progress.report(read.records);
        }
    }

    /// Applies one batch to the shadow, and returns the number of records that cannot be decoded.
    async fn replay_batch(&self, batch: &[Received]) -> Result<u64, RebuildError> {
        let read: Vec<_> = batch.iter().map(|received| self.decode(received)).collect();
        let unreadable = read.iter().filter(|read| read.is_err()).count() as u64;
        let deliveries: Vec<Delivery> = read.into_iter().flatten().flatten().collect();
        self.run_step(Step::Replay(&deliveries)).await?;
        Ok(unreadable)
    }

    /// Decodes a record like mypage's consumer. Returns `None` if mypage does not consume it.
    fn decode(&self, received: &Received) -> Result<Option<Delivery>, DecodeError> {
        read::<BookingStory>(SERVICE, &self.seed_time_zone, received)
    }

    /// Runs a step, and retries it while the database is unavailable.
    async fn run_step(&self, step: Step<'_>) -> Result<StepOutcome, RebuildError> {
        for _ in 1..ATTEMPTS {
            match self.try_step(step).await {
                Err(error) if error.is_transient() => {
                    if !telemetry::is_repeated("rebuild") {
                        tracing::warn!(
                            dependency = DATABASE,
                            cause = chain(&error),
                            "a dependency fails; the rebuild retries"
                        );
                    }
                    sleep(PAUSE).await;
                }
                outcome => return outcome?.unless_superseded(),
            }
        }
        self.try_step(step).await?.unless_superseded()
    }

    async fn try_step(&self, step: Step<'_>) -> Result<StepOutcome, Error> {
        let mut tx = match step {
            // A power cut that loses this transaction also ends the rebuild.
            Step::Replay(_) => self.db.begin_relaxed().await?,
            _ => self.db.begin().await?,
        };
        let outcome = match step {
            Step::Clear => app::clear_shadow(&mut tx, self.started_at).await?,
            Step::Open => app::open_shadow(&mut tx, self.started_at).await?,
            Step::Replay(deliveries) => app::replay_events(&mut tx, deliveries).await?,
            Step::Show => app::show_shadow(&mut tx, self.started_at).await?,
            Step::Close => app::close_shadow(&mut tx, self.started_at).await?,
            Step::End => app::end_rebuild(&mut tx, self.started_at).await?,
        };
        tx.commit().await?;
        Ok(outcome)
    }
}

/// A step of a rebuild, which runs in its own transaction.
#[derive(Clone, Copy)]
enum Step<'a> {
    Clear,
    Open,
    Replay(&'a [Delivery]),
    Show,
    Close,
    End,
}

impl StepOutcome {
    fn unless_superseded(self) -> Result<Self, RebuildError> {
        if self == Self::Superseded { Err(RebuildError::Superseded) } else { Ok(self) }
    }
}

/// Logs the progress of a rebuild.
struct Progress {
    total: u64,
    began: Instant,
    reported: Instant,
}

impl Progress {
    fn new(total: u64) -> Self {
        tracing::info!(records = total, "rebuilding the view");
        let now = Instant::now();
        Self { total, began: now, reported: now }
    }

    fn report(&mut self, read: u64) {
        let now = Instant::now();
        if read < self.total && now - self.reported < REPORT_EVERY {
            return;
        }
        self.reported = now;
        let percent = read * 100 / self.total.max(1);
        let per_second = read as f64 / (now - self.began).as_secs_f64();
        tracing::info!(read, records = self.total, percent, per_second, "rebuilding the view");
    }
}

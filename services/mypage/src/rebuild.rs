//! The view anew, from the first event on, while the old one is shown and kept.
//!
//! It is written to the shadow, tables that nobody reads, and takes the place of the old one in one transaction. Events come
//! to the shadow from two sides: the rebuild reads the log up to the record that is its last, and each running consumer
//! writes there what it writes to the view, which the rebuild has asked for before it looked for the log's end. So
//! every event is told by at least one of them; that some are told twice, and late ones first, changes nothing
//! ([`crate::domain`]).
//!
//! Whatever ends a rebuild early, the old view stands, and the next one starts over.

use std::time::Duration;

use event_log::incarnation::FIRST;
use event_log::{History, Received, SeedTimeZone, Transport, TransportError};
use events::{DecodeError, TOPIC};
use jiff::Timestamp;
use messaging::consumer::read;
use messaging::{Delivery, incarnation};
use storage::{Db, Error, Task};
use telemetry::chain;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::SERVICE;
use crate::app::{self, Taken};
use crate::consumers::BookingStory;
use crate::store::shadow;

/// Records of one transaction at most.
const BATCH: usize = 500;
/// How often it says how far it is.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// A database that is away is asked again after this, and so many times.
const PAUSE: Duration = Duration::from_millis(500);
const ATTEMPTS: usize = 60;

/// What a rebuild has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    pub records: u64,
    /// Those that no consumer could read either: they are in the dead letters.
    pub unreadable: u64,
}

/// Why the old view stands.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    #[error("another rebuild is under way on this database")]
    UnderWay,
    #[error("another rebuild has begun meanwhile, and goes on")]
    Overtaken,
    #[error("the event log is empty and the view is not: EVENTS_URL leads to another log")]
    NoEvents,
    #[error("the event log has lost its first events: bookings would be missing that the view has")]
    EventsAreLost,
    #[error("it was stopped")]
    Stopped,
    #[error(transparent)]
    Storage(#[from] Error),
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// Makes the view anew.
///
/// # Errors
///
/// Why not; the old view stands.
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
        // It is in nobody's way, and the next rebuild begins with it.
        tracing::warn!(cause = chain(&error), "the shadow was not emptied");
    }
    let Rebuilt { records, unreadable } = outcome?;
    tracing::info!(unreadable, "the view is rebuilt from {records} records");
    Ok(Rebuilt { records, unreadable })
}

/// One that is under way.
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

    /// The order of these is what makes it complete: the consumers write to the shadow before the end of the log is looked
    /// for, and the shadow is shown when it has all up to there.
    async fn complete(
        &self,
        transport: &dyn Transport,
        stop: &CancellationToken,
    ) -> Result<Rebuilt, RebuildError> {
        self.clear().await?;
        self.take(Step::Open).await?;
        let history = transport.history(TOPIC).await?;
        // A topic that was made anew begins with its first record, and has none of the topic before.
        let is_first = incarnation::current(self.db, transport).await? == FIRST;
        self.loses_nothing(history.total(), history.is_whole() && is_first).await?;
        let read = self.retell(history, stop).await?;
        self.take(Step::Show).await?;
        Ok(read)
    }

    /// Whatever became of it.
    async fn clean_up(&self) -> Result<(), RebuildError> {
        self.take(Step::Close).await?;
        self.clear().await?;
        self.take(Step::End).await?;
        Ok(())
    }

    /// In parts, as each statement has a deadline.
    async fn clear(&self) -> Result<(), RebuildError> {
        while self.take(Step::Clear).await? == Taken::More {}
        Ok(())
    }

    async fn loses_nothing(&self, total: u64, is_whole: bool) -> Result<(), RebuildError> {
        let mut conn = self.db.read().await?;
        if shadow::has_nothing_to_replace(&mut conn).await? {
            return Ok(());
        }
        match (total, is_whole) {
            (0, _) => Err(RebuildError::NoEvents),
            (_, false) => Err(RebuildError::EventsAreLost),
            _ => Ok(()),
        }
    }

    /// Tells the shadow of all that is in the log.
    async fn retell(
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
            read.unreadable += self.tell(&batch).await?;
            read.records += batch.len() as u64;
            progress.report(read.records);
        }
    }

    /// Tells of a batch, and gives how many records of it cannot be read.
    async fn tell(&self, batch: &[Received]) -> Result<u64, RebuildError> {
        let read: Vec<_> = batch.iter().map(|received| self.event(received)).collect();
        let unreadable = read.iter().filter(|read| read.is_err()).count() as u64;
        let deliveries: Vec<Delivery> = read.into_iter().flatten().flatten().collect();
        self.take(Step::Tell(&deliveries)).await?;
        Ok(unreadable)
    }

    /// The record as mypage's consumer reads it.
    fn event(&self, received: &Received) -> Result<Option<Delivery>, DecodeError> {
        read::<BookingStory>(SERVICE, &self.seed_time_zone, received)
    }

    /// Takes a step, again if that fails for now.
    async fn take(&self, step: Step<'_>) -> Result<Taken, RebuildError> {
        for _ in 1..ATTEMPTS {
            match self.try_to_take(step).await {
                Err(error) if error.is_transient() => {
                    tracing::warn!(cause = chain(&error), "the database is away; trying again");
                    sleep(PAUSE).await;
                }
                taken => return taken?.unless_overtaken(),
            }
        }
        self.try_to_take(step).await?.unless_overtaken()
    }

    async fn try_to_take(&self, step: Step<'_>) -> Result<Taken, Error> {
        let mut tx = match step {
            // Should a power cut undo it, it ends the rebuild too.
            Step::Tell(_) => self.db.begin_relaxed().await?,
            _ => self.db.begin().await?,
        };
        let taken = match step {
            Step::Clear => app::clear_shadow(&mut tx, self.started_at).await?,
            Step::Open => app::open_shadow(&mut tx, self.started_at).await?,
            Step::Tell(deliveries) => app::retell_events(&mut tx, deliveries).await?,
            Step::Show => app::show_shadow(&mut tx, self.started_at).await?,
            Step::Close => app::close_shadow(&mut tx, self.started_at).await?,
            Step::End => app::end_rebuild(&mut tx, self.started_at).await?,
        };
        tx.commit().await?;
        Ok(taken)
    }
}

/// What is done in a transaction of its own.
#[derive(Clone, Copy)]
enum Step<'a> {
    Clear,
    Open,
    Tell(&'a [Delivery]),
    Show,
    Close,
    End,
}

impl Taken {
    fn unless_overtaken(self) -> Result<Self, RebuildError> {
        if self == Self::Overtaken { Err(RebuildError::Overtaken) } else { Ok(self) }
    }
}

/// How far it is.
struct Progress {
    total: u64,
    began: Instant,
    reported: Instant,
}

impl Progress {
    fn new(total: u64) -> Self {
        tracing::info!(total, "rebuilding the view from {total} records");
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
        tracing::info!(
            "rebuilding the view: {read} of {} records, {percent} %, {per_second:.0} a second",
            self.total
        );
    }
}

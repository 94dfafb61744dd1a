//! The steps of a rebuild, each in its own transaction. The time at which a rebuild began identifies it.

use jiff::Timestamp;
use storage::{Error, Tx};

use crate::domain::Stage;
use crate::store::{rebuilds, shadow};

/// Maximum number of rows of each table that one step deletes.
const CHUNK: i64 = 5_000;

/// The outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    Done,
    /// A part is done; repeat the step.
    More,
    /// Nothing is done: another rebuild has begun in the meantime, and the shadow belongs to it.
    Superseded,
}

impl StepOutcome {
    fn done_if(is_own: bool) -> Self {
        if is_own { Self::Done } else { Self::Superseded }
    }
}

/// Begins a rebuild, which supersedes an earlier unfinished one.
pub async fn begin_rebuild(tx: &mut Tx) -> Result<Timestamp, Error> {
    rebuilds::replace(tx).await
}

/// Empties a part of the shadow, in a stage in which only the rebuild writes to it.
pub async fn clear_shadow(tx: &mut Tx, rebuild: Timestamp) -> Result<StepOutcome, Error> {
    let is_own = rebuilds::advance(tx, rebuild, Stage::Clearing, Stage::Clearing).await?
        || rebuilds::advance(tx, rebuild, Stage::Shown, Stage::Shown).await?;
    if !is_own {
        return Ok(StepOutcome::Superseded);
    }
    Ok(if shadow::shrink(tx, CHUNK).await? { StepOutcome::More } else { StepOutcome::Done })
}

/// Opens the shadow: from here on, consumers write to it too.
pub async fn open_shadow(tx: &mut Tx, rebuild: Timestamp) -> Result<StepOutcome, Error> {
    // It is already open if an earlier attempt succeeded and its response was lost.
    let is_open = rebuilds::advance(tx, rebuild, Stage::Clearing, Stage::Filling).await?
        || rebuilds::advance(tx, rebuild, Stage::Filling, Stage::Filling).await?;
    Ok(StepOutcome::done_if(is_open))
}

/// Replaces the view with the shadow.
pub async fn show_shadow(tx: &mut Tx, rebuild: Timestamp) -> Result<StepOutcome, Error> {
    if rebuilds::advance(tx, rebuild, Stage::Filling, Stage::Shown).await? {
        shadow::swap(tx).await?;
        return Ok(StepOutcome::Done);
    }
    // It is already shown if an earlier attempt succeeded and its response was lost.
    Ok(StepOutcome::done_if(rebuilds::advance(tx, rebuild, Stage::Shown, Stage::Shown).await?))
}

/// Closes a shadow that was not shown: consumers no longer write to it.
pub async fn close_shadow(tx: &mut Tx, rebuild: Timestamp) -> Result<StepOutcome, Error> {
    rebuilds::advance(tx, rebuild, Stage::Filling, Stage::Clearing).await?;
    Ok(StepOutcome::Done)
}

/// Ends a rebuild.
pub async fn end_rebuild(tx: &mut Tx, rebuild: Timestamp) -> Result<StepOutcome, Error> {
    rebuilds::delete(tx, rebuild).await?;
    Ok(StepOutcome::Done)
}

//! The steps of a rebuild, a transaction each. A rebuild is known by the time at which it began.

use jiff::Timestamp;
use storage::{Error, Tx};

use crate::domain::Stage;
use crate::store::{rebuilds, shadow};

/// Rows that go at a time.
const CHUNK: i64 = 5_000;

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Done,
    /// Once more.
    More,
    /// Not done: another rebuild has begun meanwhile, and the shadow is its own.
    Overtaken,
}

impl Taken {
    fn done(done: bool) -> Self {
        if done { Self::Done } else { Self::Overtaken }
    }
}

/// Begins one. What an earlier one left undone stays so.
pub async fn begin_rebuild(tx: &mut Tx) -> Result<Timestamp, Error> {
    rebuilds::replace(tx).await
}

/// Empties a part of the shadow, which is nobody else's.
pub async fn clear_shadow(tx: &mut Tx, rebuild: Timestamp) -> Result<Taken, Error> {
    let is_own = rebuilds::advance(tx, rebuild, Stage::Clearing, Stage::Clearing).await?
        || rebuilds::advance(tx, rebuild, Stage::Shown, Stage::Shown).await?;
    if !is_own {
        return Ok(Taken::Overtaken);
    }
    Ok(if shadow::shrink(tx, CHUNK).await? { Taken::More } else { Taken::Done })
}

/// From here on consumers write to the shadow too.
pub async fn open_shadow(tx: &mut Tx, rebuild: Timestamp) -> Result<Taken, Error> {
    // It is open already when the answer to an earlier attempt was lost.
    let is_open = rebuilds::advance(tx, rebuild, Stage::Clearing, Stage::Telling).await?
        || rebuilds::advance(tx, rebuild, Stage::Telling, Stage::Telling).await?;
    Ok(Taken::done(is_open))
}

/// The shadow takes the place of the view.
pub async fn show_shadow(tx: &mut Tx, rebuild: Timestamp) -> Result<Taken, Error> {
    if rebuilds::advance(tx, rebuild, Stage::Telling, Stage::Shown).await? {
        shadow::swap(tx).await?;
        return Ok(Taken::Done);
    }
    // It is shown already when the answer to an earlier attempt was lost.
    Ok(Taken::done(rebuilds::advance(tx, rebuild, Stage::Shown, Stage::Shown).await?))
}

/// Consumers write to the shadow no more, and it is not shown.
pub async fn close_shadow(tx: &mut Tx, rebuild: Timestamp) -> Result<Taken, Error> {
    rebuilds::advance(tx, rebuild, Stage::Telling, Stage::Clearing).await?;
    Ok(Taken::Done)
}

/// Ends a rebuild.
pub async fn end_rebuild(tx: &mut Tx, rebuild: Timestamp) -> Result<Taken, Error> {
    rebuilds::delete(tx, rebuild).await?;
    Ok(Taken::Done)
}

//! The table `rebuilds`.

use jiff::Timestamp;
use storage::{Error, Tx, query, query_as};

use crate::domain::Stage;

/// Replaces all rebuilds with one that begins now, and returns the time that identifies it.
pub async fn replace(tx: &mut Tx) -> Result<Timestamp, Error> {
    tx.execute(query("DELETE FROM rebuilds")).await?;
    let started_at = tx.now();
    let insert = query("INSERT INTO rebuilds (started_at, stage) VALUES ($1, $2)")
        .bind(started_at.as_microsecond())
        .bind(Stage::Clearing.to_string());
    tx.execute(insert).await?;
    Ok(started_at)
}

/// Moves a rebuild from one stage to another, or locks it in its stage: nobody can replace it until `tx`
/// ends. Returns `false` if it does not exist, or is in another stage.
pub async fn advance(tx: &mut Tx, started_at: Timestamp, from: Stage, to: Stage) -> Result<bool, Error> {
    let advance = query("UPDATE rebuilds SET stage = $1 WHERE started_at = $2 AND stage = $3")
        .bind(to.to_string())
        .bind(started_at.as_microsecond())
        .bind(from.to_string());
    Ok(tx.execute(advance).await? == 1)
}

/// Whether the shadow is open, so that consumers write to it.
pub async fn is_shadow_open(tx: &mut Tx) -> Result<bool, Error> {
    let find = query_as::<(i64,)>("SELECT started_at FROM rebuilds WHERE stage = $1 LIMIT 1")
        .bind(Stage::Filling.to_string());
    Ok(tx.fetch_optional(find).await?.is_some())
}

/// Deletes a rebuild, if it exists.
pub async fn delete(tx: &mut Tx, started_at: Timestamp) -> Result<(), Error> {
    tx.execute(query("DELETE FROM rebuilds WHERE started_at = $1").bind(started_at.as_microsecond())).await?;
    Ok(())
}

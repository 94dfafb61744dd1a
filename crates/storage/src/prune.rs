//! Deletes the old rows of a table in small batches.

use std::time::Duration;

use jiff::Timestamp;

use crate::db::Db;
use crate::error::Error;
use crate::statement::{query, query_as};

/// Number of rows in a batch, which SQLite's only writer deletes within milliseconds.
pub const BATCH: i64 = 1_000;

/// The rows of a table to delete, and their age. [`prune!`](crate::prune!) creates it.
#[derive(Clone, Copy, Debug)]
pub struct Prune {
    table: &'static str,
    kept_for: Duration,
    /// Selects the position of the last due row among the first `$2` rows after position `$1`.
    last_due: &'static str,
    /// Deletes the due rows after position `$1` and up to `$2`.
    delete: &'static str,
}

/// The result of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The position after which the next batch begins.
    pub end: i64,
    /// Number of deleted rows.
    pub deleted: u64,
}

impl Prune {
    #[doc(hidden)]
    pub const fn new(
        table: &'static str,
        kept_for: Duration,
        last_due: &'static str,
        delete: &'static str,
    ) -> Self {
        Self { table, kept_for, last_due, delete }
    }

    pub fn table(&self) -> &'static str {
        self.table
    }

    /// The statement that finds rows, and the one that deletes them.
    pub fn statements(&self) -> [&'static str; 2] {
        [self.last_due, self.delete]
    }

    /// Rows from before this time are due at `now`.
    pub fn due_before(&self, now: Timestamp) -> Timestamp {
        now - self.kept_for
    }

    /// Deletes the rows from before `before` among the first [`BATCH`] rows after position `after`, and all
    /// due rows at the position of the last one. Returns `None` if none of them is due.
    ///
    /// The rows are found outside of the transaction, so that the writer is occupied only by the deletion. It
    /// does not matter if another process deletes a row in between.
    pub async fn batch(&self, db: &Db, after: i64, before: Timestamp) -> Result<Option<Batch>, Error> {
        let before = before.as_microsecond();
        let last_due = query_as(self.last_due).bind(after).bind(BATCH).bind(before);
        let (end,): (Option<i64>,) = db.read().await?.fetch_one(last_due).await?;
        let Some(end) = end else { return Ok(None) };
        let mut tx = db.begin_relaxed().await?;
        let deleted = tx.execute(query(self.delete).bind(after).bind(end).bind(before)).await?;
        tx.commit().await?;
        Ok(Some(Batch { end, deleted }))
    }
}

/// Creates the [`Prune`](crate::Prune) for `table`. Rows are read in the order of the indexed integer column
/// `place`, and deleted when the time in their column `since`, in microseconds, is longer ago than
/// `kept_for`. Rows without a time are kept. The oldest rows must come first in the order of `place`, which
/// may be the time itself.
#[macro_export]
macro_rules! prune {
    ($table:literal, place: $place:literal, since: $since:literal, kept_for: $kept_for:expr) => {
        $crate::Prune::new(
            $table,
            $kept_for,
            ::core::concat!(
                "SELECT CAST(MAX(place) AS BIGINT) FROM (SELECT ",
                $place,
                " AS place, ",
                $since,
                " AS since FROM ",
                $table,
                " WHERE ",
                $place,
                " > $1 ORDER BY ",
                $place,
                " LIMIT $2) AS first_rows WHERE since < $3"
            ),
            ::core::concat!(
                "DELETE FROM ",
                $table,
                " WHERE ",
                $place,
                " > $1 AND ",
                $place,
                " <= $2 AND ",
                $since,
                " < $3"
            ),
        )
    };
}

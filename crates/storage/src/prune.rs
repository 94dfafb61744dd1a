//! Rows of a table that are old enough are deleted in small batches.

use std::time::Duration;

use jiff::Timestamp;

use crate::{Db, Error, query, query_as};

/// Rows of one batch: the database's one writer on SQLite has it done in milliseconds.
pub const BATCH: i64 = 1_000;

/// Which rows of a table are deleted, and after how long. Made by [`prune!`](crate::prune!).
#[derive(Clone, Copy, Debug)]
pub struct Prune {
    table: &'static str,
    kept_for: Duration,
    /// The place of the last row that is due among the first `$2` rows after the place `$1`.
    last_due: &'static str,
    /// Deletes the rows after the place `$1` and up to `$2` that are due.
    delete: &'static str,
}

/// What a batch did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Where the next one begins.
    pub end: i64,
    /// How many rows it deleted.
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

    /// Both statements, the one that looks and the one that deletes.
    pub fn statements(&self) -> [&'static str; 2] {
        [self.last_due, self.delete]
    }

    /// The time before which rows are due `now`.
    pub fn due_before(&self, now: Timestamp) -> Timestamp {
        now - self.kept_for
    }

    /// Deletes the rows that were due `before` among the first [`BATCH`] rows after the place `after`, and all that are at one
    /// place with the last of them. `None`: none of these is due.
    ///
    /// The rows are looked for outside of the transaction, so that the writer is held for the deletion only. A row that
    /// another process deletes meanwhile is not missed.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn batch(&self, db: &Db, after: i64, before: Timestamp) -> Result<Option<Batch>, Error> {
        let before = before.as_microsecond();
        let last_due = query_as(self.last_due).bind(after).bind(BATCH).bind(before);
        let (last_due,): (Option<i64>,) = db.read().await?.fetch_one(last_due).await?;
        let Some(end) = last_due else { return Ok(None) };
        let mut tx = db.begin_relaxed().await?;
        let deleted = tx.execute(query(self.delete).bind(after).bind(end).bind(before)).await?;
        tx.commit().await?;
        Ok(Some(Batch { end, deleted }))
    }
}

/// The [`Prune`](crate::Prune) for `table`, whose rows are read in the order of the indexed whole number `place`, and are deleted
/// when their time `since`, in microseconds, is longer ago than `kept_for`. Rows without a time are kept. The oldest rows must come
/// first by `place`; it may be the time itself.
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

//! A database with deadlines: transactions over SQLite and PostgreSQL under one SQL text.
//!
//! # Layout
//!
//! - [`url`]: what `DATABASE_URL` may say.
//! - [`backend`]: all that differs between the two products, one named function each.
//! - [`db`]: opening, migrating, beginning.
//! - [`conn`]: statements with a deadline ([`Conn`]) and transactions ([`Tx`]).
//! - [`page`]: lists in pages.
//! - [`mod@prune`]: rows that are old enough are deleted.
//! - [`request_keys`]: idempotency keys.
//! - [`lead`]: being the one process of several that does a task.
//! - `snapshot`: copies of a database, and the ids that it has given out.
//! - [`error`]: what a caller can do about a failure: wait, or not.
//! - `explain`: what a person can do about it.
//!
//! # Rules of the SQL
//!
//! One text serves both products, so it keeps to what both do alike: `$1` placeholders (those of many rows are
//! [`Conn::values`]); only BIGINT, SMALLINT,
//! TEXT, DOUBLE PRECISION and BLOB/BYTEA; times are BIGINT microseconds since the epoch, bound by the program
//! ([`Tx::now`]), never `now()`; sums are cast to BIGINT; no bare boolean in a SELECT list; "exactly once" is
//! `ON CONFLICT DO NOTHING` and a row count. `tests/it/sql_rules.rs` holds every SQL text of the workspace against them.

pub mod backend;
pub mod conn;
pub mod db;
pub mod error;
mod explain;
pub mod lead;
pub mod page;
pub mod prune;
pub mod request_keys;
mod snapshot;
pub mod url;

pub use backend::Backend;
pub use conn::{Conn, Tx};
pub use db::{Db, Migrations, Settings};
pub use error::Error;
pub use lead::{Lead, Task};
pub use page::{COUNT_LIMIT, Page, Slice};
pub use prune::Prune;
pub use url::{DatabaseUrl, InvalidUrl};

use sqlx::Any;
use sqlx::any::{AnyArguments, AnyRow};

/// A row of either product; the bound for `#[derive(sqlx::FromRow)]` types.
pub type Row = AnyRow;
/// A statement with its bound values.
pub type Query<'q> = sqlx::query::Query<'q, Any, AnyArguments>;
/// A statement whose rows are read as `T`.
pub type QueryAs<'q, T> = sqlx::query::QueryAs<'q, Any, T, AnyArguments>;

/// A statement; bind its `$1`, `$2`… in order and give it to a [`Conn`].
#[expect(clippy::disallowed_methods, reason = "here it gets its deadline")]
pub fn query(sql: &'static str) -> Query<'static> {
    sqlx::query(sql)
}

/// A statement whose rows are read as `T`.
pub fn query_as<T>(sql: &'static str) -> QueryAs<'static, T>
where
    T: for<'r> sqlx::FromRow<'r, AnyRow>,
{
    sqlx::query_as(sql)
}

/// A statement put together by the program, from literals and counts alone. It is not cached by the server.
#[expect(clippy::disallowed_methods, reason = "here it gets its deadline")]
pub fn query_built(sql: String) -> Query<'static> {
    sqlx::query(sqlx::AssertSqlSafe(sql)).persistent(false)
}

/// [`query_built`], with rows that are read as `T`.
pub fn query_as_built<T>(sql: String) -> QueryAs<'static, T>
where
    T: for<'r> sqlx::FromRow<'r, AnyRow>,
{
    sqlx::query_as(sqlx::AssertSqlSafe(sql)).persistent(false)
}

/// Values of one statement at most: SQLite's limit, which is the lower one.
pub const MAX_VALUES: usize = 32_766;

/// Embeds `migrations/sqlite` and `migrations/postgres` of the calling package.
#[macro_export]
macro_rules! migrations {
    () => {
        $crate::Migrations {
            sqlite: ::sqlx::migrate!("migrations/sqlite"),
            postgres: ::sqlx::migrate!("migrations/postgres"),
        }
    };
}

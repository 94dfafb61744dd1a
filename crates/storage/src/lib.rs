//! A database with deadlines: transactions over SQLite and PostgreSQL with the same SQL text.
//!
//! # Layout
//!
//! - [`url`]: parses `DATABASE_URL`.
//! - [`backend`]: all differences between the two products, one function each.
//! - [`error`]: errors, by whether the failed statement may succeed later.
//! - `explain`: explains to operators why a database cannot be used.
//! - [`statement`]: SQL statements.
//! - [`locks`]: the numbers of the locks on a PostgreSQL database.
//! - [`clock`]: the time of a database, which tests can move ([`Clock`]).
//! - [`conn`]: statements with a deadline ([`Conn`]) and transactions ([`Tx`]).
//! - [`mod@migrations`]: the migrations of a package, and the tables that they create.
//! - [`lead`]: elects one of several processes to do a task.
//! - [`db`]: opens and migrates a database, and begins transactions ([`Db`]).
//! - [`page`]: lists in pages.
//! - [`mod@prune`]: deletes old rows.
//! - [`request_keys`]: idempotency keys.
//! - `snapshot`: copies of a database, and the ids that it has assigned.
//!
//! # Rules of the SQL
//!
//! A statement has one text for both products, so it uses only what both do alike. `tests/it/sql_rules.rs`
//! checks every SQL text of the workspace:
//!
//! - Placeholders are `$1`, `$2`, …; [`Conn::values`] makes those of many rows.
//! - Columns are BIGINT, SMALLINT, TEXT, DOUBLE PRECISION, or BLOB and BYTEA.
//! - Times are BIGINT microseconds since the epoch. The program binds them ([`Tx::now`]); SQL never calls
//!   `now()`.
//! - Sums are cast to BIGINT, and no SELECT list contains a bare boolean.
//! - "Exactly once" is `ON CONFLICT DO NOTHING` and the number of changed rows.

pub mod backend;
pub mod clock;
pub mod conn;
pub mod db;
pub mod error;
mod explain;
pub mod lead;
pub mod locks;
pub mod migrations;
pub mod page;
pub mod prune;
pub mod request_keys;
mod snapshot;
pub mod statement;
pub mod url;

pub use backend::Backend;
pub use clock::Clock;
pub use conn::{Conn, Tx};
pub use db::{Connections, Db, Settings};
pub use error::Error;
pub use lead::{Lead, Task};
pub use migrations::Migrations;
pub use page::{COUNT_LIMIT, Page, Slice};
pub use prune::Prune;
pub use statement::{MAX_VALUES, Query, QueryAs, Row, query, query_as, query_as_built, query_built};
pub use url::{DatabaseUrl, InvalidUrl};

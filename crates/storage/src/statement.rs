//! SQL statements, which a [`Conn`](crate::Conn) executes with a deadline.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Any, AssertSqlSafe, FromRow};

/// A row of either product; the bound for `#[derive(sqlx::FromRow)]` types.
pub type Row = AnyRow;
/// A statement with its bound values.
pub type Query<'q> = sqlx::query::Query<'q, Any, AnyArguments>;
/// A statement whose rows are read as `T`.
pub type QueryAs<'q, T> = sqlx::query::QueryAs<'q, Any, T, AnyArguments>;

/// Maximum number of values that one statement binds. This is SQLite's limit; PostgreSQL's is higher.
pub const MAX_VALUES: usize = 32_766;

/// A statement. Bind the values of `$1`, `$2`, … in this order.
#[expect(clippy::disallowed_methods, reason = "here it gets its deadline")]
pub fn query(sql: &'static str) -> Query<'static> {
    sqlx::query(sql)
}

/// A statement whose rows are read as `T`.
pub fn query_as<T>(sql: &'static str) -> QueryAs<'static, T>
where
    T: for<'r> FromRow<'r, AnyRow>,
{
    sqlx::query_as(sql)
}

/// A statement that the program builds from literals and numbers only. The server does not cache it.
#[expect(clippy::disallowed_methods, reason = "here it gets its deadline")]
pub fn query_built(sql: String) -> Query<'static> {
    sqlx::query(AssertSqlSafe(sql)).persistent(false)
}

/// A [built statement](query_built) whose rows are read as `T`.
pub fn query_as_built<T>(sql: String) -> QueryAs<'static, T>
where
    T: for<'r> FromRow<'r, AnyRow>,
{
    sqlx::query_as(AssertSqlSafe(sql)).persistent(false)
}

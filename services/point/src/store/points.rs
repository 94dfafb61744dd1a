//! The table `points`.

use std::fmt::Display;

use events::{BookingId, CustomerId, PointId};
use sqlx::FromRow;
use storage::{COUNT_LIMIT, Conn, Error, Page, QueryAs, Slice, Tx, query_as};

use crate::domain::{Entry, Posting, Status};

/// Names the columns of a `PointRow`. It is a macro so that each statement stays a literal.
macro_rules! point_columns {
    () => {
        "id, booking_id, customer_id, score, contents, status"
    };
}

#[derive(FromRow)]
struct PointRow {
    id: i64,
    booking_id: i64,
    customer_id: Option<i64>,
    score: i64,
    contents: Option<String>,
    status: String,
}

/// Appends a row. Returns `None` if the booking already has a row with this status.
pub async fn append(tx: &mut Tx, posting: Posting) -> Result<Option<Entry>, Error> {
    let insert = query_as(concat!(
        "INSERT INTO points (booking_id, customer_id, score, contents, status, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (booking_id, status) DO NOTHING
         RETURNING ",
        point_columns!(),
    ))
    .bind(posting.booking_id.get())
    .bind(posting.customer_id.map(CustomerId::get))
    .bind(posting.score)
    .bind(posting.contents)
    .bind(posting.status.to_string())
    .bind(tx.now().as_microsecond());
    tx.fetch_optional(insert).await?.map(restore).transpose()
}

/// The booking's row with this status, if it has one.
pub async fn find_by_status(
    conn: &mut Conn,
    booking_id: BookingId,
    status: Status,
) -> Result<Option<Entry>, Error> {
    let row = conn.fetch_optional(select_by_status(booking_id, status)).await?;
    row.map(restore).transpose()
}

/// The booking's row with this status.
///
/// # Errors
///
/// When there is none, or the database fails.
pub async fn get_by_status(conn: &mut Conn, booking_id: BookingId, status: Status) -> Result<Entry, Error> {
    restore(conn.fetch_one(select_by_status(booking_id, status)).await?)
}

fn select_by_status(booking_id: BookingId, status: Status) -> QueryAs<'static, PointRow> {
    query_as(concat!("SELECT ", point_columns!(), " FROM points WHERE booking_id = $1 AND status = $2"))
        .bind(booking_id.get())
        .bind(status.to_string())
}

/// The row with this id.
pub async fn find(conn: &mut Conn, id: PointId) -> Result<Option<Entry>, Error> {
    let find = query_as(concat!("SELECT ", point_columns!(), " FROM points WHERE id = $1")).bind(id.get());
    conn.fetch_optional(find).await?.map(restore).transpose()
}

/// The booking's rows, oldest first: at most one with each status.
pub async fn list_of(conn: &mut Conn, booking_id: BookingId) -> Result<Vec<Entry>, Error> {
    let find =
        query_as(concat!("SELECT ", point_columns!(), " FROM points WHERE booking_id = $1 ORDER BY id"))
            .bind(booking_id.get());
    let rows = conn.fetch_all(find).await?;
    rows.into_iter().map(restore).collect()
}

/// The rows of `slice`, of all customers or of `customer`, oldest first.
pub async fn page(conn: &mut Conn, customer: Option<CustomerId>, slice: Slice) -> Result<Page<Entry>, Error> {
    let (find, count) = match customer {
        None => (
            query_as(concat!(
                "SELECT ",
                point_columns!(),
                " FROM points WHERE id > $1 ORDER BY id LIMIT $2 OFFSET $3"
            )),
            query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM points LIMIT $1) AS counted"),
        ),
        Some(customer) => (
            query_as(concat!(
                "SELECT ",
                point_columns!(),
                " FROM points WHERE customer_id = $1 AND id > $2 ORDER BY id LIMIT $3 OFFSET $4"
            ))
            .bind(customer.get()),
            query_as(
                "SELECT CAST(COUNT(*) AS BIGINT)
                 FROM (SELECT 1 FROM points WHERE customer_id = $1 LIMIT $2) AS counted",
            )
            .bind(customer.get()),
        ),
    };
    let rows = conn.fetch_all(find.bind(slice.after).bind(slice.limit()).bind(slice.offset)).await?;
    let (counted,) = conn.fetch_one::<(i64,)>(count.bind(COUNT_LIMIT)).await?;
    Page::new(rows, slice, counted, |row: &PointRow| row.id).try_map(restore)
}

/// The sum of a customer's rows.
pub async fn balance(conn: &mut Conn, customer_id: CustomerId) -> Result<i64, Error> {
    let sum = query_as("SELECT CAST(COALESCE(SUM(score), 0) AS BIGINT) FROM points WHERE customer_id = $1")
        .bind(customer_id.get());
    let (balance,) = conn.fetch_one::<(i64,)>(sum).await?;
    Ok(balance)
}

fn restore(row: PointRow) -> Result<Entry, Error> {
    let corrupt = |detail: &dyn Display| Error::corrupt("points", row.id, detail);
    let id = PointId::new(row.id).map_err(|error| corrupt(&error))?;
    let posting = Posting {
        booking_id: BookingId::new(row.booking_id).map_err(|error| corrupt(&error))?,
        customer_id: row.customer_id.map(CustomerId::new).transpose().map_err(|error| corrupt(&error))?,
        score: row.score,
        contents: row.contents,
        status: row.status.parse().map_err(|error| corrupt(&error))?,
    };
    Ok(Entry::restore(id, posting))
}

//! The table `payments`.

use std::fmt::Display;
use std::time::Duration;

use events::{BookingId, PaymentId, Price};
use jiff::Timestamp;
use sqlx::FromRow;
use storage::{COUNT_LIMIT, Conn, Error, Page, Slice, Tx, query, query_as};

use crate::domain::{Charge, Payment, Reference, Row, Status};

/// The columns of a `PaymentRow`. A macro, so that each statement stays a literal.
macro_rules! payment_columns {
    () => {
        "id, booking_id, total_price, status, reference, taken, ask_at"
    };
}

#[derive(FromRow)]
struct PaymentRow {
    id: i64,
    booking_id: i64,
    total_price: i64,
    status: String,
    reference: Option<String>,
    taken: i64,
    ask_at: Option<i64>,
}

/// A cancellation that one replica has claimed.
#[derive(Debug, FromRow)]
pub struct ClaimedRow {
    pub booking_id: i64,
    pub reference: Option<String>,
    /// The number of attempts to cancel, including this one.
    #[sqlx(rename = "asks")]
    pub attempts: i64,
}

/// Adds the payment of a booking that was charged under `reference`. Returns `None` if the booking already
/// has a payment.
pub async fn insert_paid(
    tx: &mut Tx,
    charge: Charge,
    reference: &Reference,
) -> Result<Option<Payment>, Error> {
    let insert = query_as(concat!(
        "INSERT INTO payments (booking_id, total_price, status, reference, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $5)
         ON CONFLICT (booking_id) DO NOTHING
         RETURNING ",
        payment_columns!(),
    ))
    .bind(charge.booking_id.get())
    .bind(charge.price.get())
    .bind(Status::Paid.to_string())
    .bind(reference.as_str().to_owned())
    .bind(tx.now().as_microsecond());
    tx.fetch_optional(insert).await?.map(restore).transpose()
}

/// Adds the tombstone of a booking that was canceled before any payment was recorded. The provider is asked
/// to cancel at `cancel_at`. Returns `None` if the booking already has a payment.
pub async fn insert_canceling(
    tx: &mut Tx,
    booking_id: BookingId,
    cancel_at: Timestamp,
) -> Result<Option<Payment>, Error> {
    let insert = query_as(concat!(
        "INSERT INTO payments (booking_id, total_price, status, ask_at, created_at, updated_at)
         VALUES ($1, 0, $2, $3, $4, $4)
         ON CONFLICT (booking_id) DO NOTHING
         RETURNING ",
        payment_columns!(),
    ))
    .bind(booking_id.get())
    .bind(Status::Canceling.to_string())
    .bind(cancel_at.as_microsecond())
    .bind(tx.now().as_microsecond());
    tx.fetch_optional(insert).await?.map(restore).transpose()
}

/// The booking's payment, locked until `tx` ends. An update that changes nothing locks a row on both
/// products.
///
/// # Errors
///
/// When the booking has no payment.
pub async fn lock(tx: &mut Tx, booking_id: BookingId) -> Result<Payment, Error> {
    let lock = query_as(concat!(
        "UPDATE payments SET status = status WHERE booking_id = $1
         RETURNING ",
        payment_columns!(),
    ))
    .bind(booking_id.get());
    restore(tx.fetch_one(lock).await?)
}

/// Writes what a transition changes.
pub async fn update(tx: &mut Tx, payment: &Payment) -> Result<(), Error> {
    let row = payment.row();
    let update = query(
        "UPDATE payments SET status = $1, total_price = $2, reference = $3, taken = $4, ask_at = $5, updated_at = $6
         WHERE id = $7",
    )
    .bind(row.status.to_string())
    .bind(row.total_price.get())
    .bind(row.reference.as_ref().map(|reference| reference.as_str().to_owned()))
    .bind(i64::from(row.is_refund))
    .bind(row.cancel_at.map(Timestamp::as_microsecond))
    .bind(tx.now().as_microsecond())
    .bind(row.id.get());
    tx.execute(update).await?;
    Ok(())
}

/// Whether a cancellation is due at `now`.
pub async fn has_due(conn: &mut Conn, now: Timestamp) -> Result<bool, Error> {
    let find = query_as("SELECT id FROM payments WHERE ask_at <= $1 LIMIT 1").bind(now.as_microsecond());
    Ok(conn.fetch_optional::<(i64,)>(find).await?.is_some())
}

/// Claims at most `limit` due cancellations, the longest due first. No other replica claims them within
/// `length`.
pub async fn claim_due(tx: &mut Tx, length: Duration, limit: i64) -> Result<Vec<ClaimedRow>, Error> {
    let now = tx.now();
    let claim = query_as(
        "UPDATE payments SET ask_at = $1, asks = asks + 1
         WHERE id IN (SELECT id FROM payments WHERE ask_at <= $2 ORDER BY ask_at LIMIT $3) AND ask_at <= $2
         RETURNING booking_id, reference, asks",
    )
    .bind((now + length).as_microsecond())
    .bind(now.as_microsecond())
    .bind(limit);
    tx.fetch_all(claim).await
}

/// Postpones the next attempt of a cancellation in progress to `cancel_at`. An attempt that was not sent does
/// not count.
pub async fn postpone(
    tx: &mut Tx,
    booking_id: i64,
    cancel_at: Timestamp,
    was_sent: bool,
) -> Result<(), Error> {
    let postpone = query(
        "UPDATE payments SET ask_at = $1, asks = asks - $2 WHERE booking_id = $3 AND ask_at IS NOT NULL",
    )
    .bind(cancel_at.as_microsecond())
    .bind(i64::from(!was_sent))
    .bind(booking_id);
    tx.execute(postpone).await?;
    Ok(())
}

/// The number of cancellations in progress.
pub async fn count_canceling(conn: &mut Conn) -> Result<i64, Error> {
    let count = query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM payments WHERE ask_at IS NOT NULL");
    let (count,) = conn.fetch_one::<(i64,)>(count).await?;
    Ok(count)
}

/// The payment `id`.
pub async fn find(conn: &mut Conn, id: PaymentId) -> Result<Option<Payment>, Error> {
    let find =
        query_as(concat!("SELECT ", payment_columns!(), " FROM payments WHERE id = $1")).bind(id.get());
    conn.fetch_optional(find).await?.map(restore).transpose()
}

/// The payment of `booking_id`.
pub async fn find_by_booking(conn: &mut Conn, booking_id: BookingId) -> Result<Option<Payment>, Error> {
    let find = query_as(concat!("SELECT ", payment_columns!(), " FROM payments WHERE booking_id = $1"))
        .bind(booking_id.get());
    conn.fetch_optional(find).await?.map(restore).transpose()
}

/// The payments of `slice`, oldest first.
pub async fn page(conn: &mut Conn, slice: Slice) -> Result<Page<Payment>, Error> {
    let find = query_as(concat!(
        "SELECT ",
        payment_columns!(),
        " FROM payments WHERE id > $1 ORDER BY id LIMIT $2 OFFSET $3"
    ))
    .bind(slice.after)
    .bind(slice.limit())
    .bind(slice.offset);
    let rows = conn.fetch_all(find).await?;
    let count = query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM payments LIMIT $1) AS counted");
    let (counted,) = conn.fetch_one::<(i64,)>(count.bind(COUNT_LIMIT)).await?;
    Page::new(rows, slice, counted, |row: &PaymentRow| row.id).try_map(restore)
}

fn restore(row: PaymentRow) -> Result<Payment, Error> {
    let corrupt = |detail: &dyn Display| Error::corrupt("payments", row.id, detail);
    let cancel_at = row.ask_at.map(Timestamp::from_microsecond).transpose();
    Ok(Payment::restore(Row {
        id: PaymentId::new(row.id).map_err(|error| corrupt(&error))?,
        booking_id: BookingId::new(row.booking_id).map_err(|error| corrupt(&error))?,
        total_price: Price::parse(row.total_price).map_err(|error| corrupt(&error))?,
        status: row.status.parse().map_err(|error| corrupt(&error))?,
        reference: row.reference.map(Reference::restore),
        is_refund: row.taken != 0,
        cancel_at: cancel_at.map_err(|error| corrupt(&error))?,
    }))
}

//! The table `payments`.

use std::fmt::Display;

use events::{BookingId, PaymentId};
use sqlx::FromRow;
use storage::{Conn, Error, Tx, query, query_as};

use crate::domain::{Charge, Payment, Price, Row, Status};

#[derive(FromRow)]
struct PaymentRow {
    id: i64,
    booking_id: i64,
    total_price: i64,
    status: String,
}

/// Adds the booking's one payment in the state `status`. `None`: the booking has one already.
///
/// # Errors
///
/// When the database fails.
pub async fn insert(tx: &mut Tx, charge: Charge, status: Status) -> Result<Option<Payment>, Error> {
    let insert = query_as(
        "INSERT INTO payments (booking_id, total_price, status, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $4)
         ON CONFLICT (booking_id) DO NOTHING
         RETURNING id, booking_id, total_price, status",
    )
    .bind(charge.booking_id.get())
    .bind(charge.price.get())
    .bind(status.to_string())
    .bind(tx.now().as_microsecond());
    tx.fetch_optional(insert).await?.map(restore).transpose()
}

/// The payment that a booking is known to have, locked until `tx` ends. The update that changes nothing is what locks a
/// row on either product.
///
/// # Errors
///
/// When the database fails, or there is none.
pub async fn lock_of(tx: &mut Tx, booking_id: BookingId) -> Result<Payment, Error> {
    let lock = query_as(
        "UPDATE payments SET status = status WHERE booking_id = $1
         RETURNING id, booking_id, total_price, status",
    )
    .bind(booking_id.get());
    restore(tx.fetch_one(lock).await?)
}

/// Keeps what a transition changed.
///
/// # Errors
///
/// When the database fails.
pub async fn update(tx: &mut Tx, payment: &Payment) -> Result<(), Error> {
    let row = payment.row();
    let update = query("UPDATE payments SET status = $1, updated_at = $2 WHERE id = $3")
        .bind(row.status.to_string())
        .bind(tx.now().as_microsecond())
        .bind(row.id.get());
    tx.execute(update).await?;
    Ok(())
}

/// The payment as it is now.
///
/// # Errors
///
/// When the database fails.
pub async fn find(conn: &mut Conn, id: PaymentId) -> Result<Option<Payment>, Error> {
    let find =
        query_as("SELECT id, booking_id, total_price, status FROM payments WHERE id = $1").bind(id.get());
    conn.fetch_optional(find).await?.map(restore).transpose()
}

/// The booking's payment as it is now.
///
/// # Errors
///
/// When the database fails.
pub async fn find_of(conn: &mut Conn, booking_id: BookingId) -> Result<Option<Payment>, Error> {
    let find = query_as("SELECT id, booking_id, total_price, status FROM payments WHERE booking_id = $1")
        .bind(booking_id.get());
    conn.fetch_optional(find).await?.map(restore).transpose()
}

/// `limit` payments after the first `offset`, oldest first, and how many there are.
///
/// # Errors
///
/// When the database fails.
pub async fn page(conn: &mut Conn, offset: i64, limit: i64) -> Result<(Vec<Payment>, i64), Error> {
    let find = query_as(
        "SELECT id, booking_id, total_price, status
         FROM payments ORDER BY id LIMIT $1 OFFSET $2",
    )
    .bind(limit)
    .bind(offset);
    let rows = conn.fetch_all(find).await?;
    let count = query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM payments");
    let (total,) = conn.fetch_one::<(i64,)>(count).await?;
    let payments = rows.into_iter().map(restore).collect::<Result<_, _>>()?;
    Ok((payments, total))
}

fn restore(row: PaymentRow) -> Result<Payment, Error> {
    let corrupt = |detail: &dyn Display| Error::corrupt("payments", row.id, detail);
    Ok(Payment::restore(Row {
        id: PaymentId::new(row.id).map_err(|error| corrupt(&error))?,
        booking_id: BookingId::new(row.booking_id).map_err(|error| corrupt(&error))?,
        total_price: Price::parse(row.total_price).map_err(|error| corrupt(&error))?,
        status: row.status.parse().map_err(|error| corrupt(&error))?,
    }))
}

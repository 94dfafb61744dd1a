//! The table `bookings`.

use std::fmt::Display;

use events::{BookingId, CustomerId};
use sqlx::FromRow;
use storage::{Conn, Error, Tx, query, query_as};

use crate::domain::{Booking, Order, Price, Row, Status};

#[derive(FromRow)]
struct BookingRow {
    id: i64,
    movie_name: Option<String>,
    seat: Option<String>,
    qty: i64,
    total_price: Option<i64>,
    name: String,
    customer_id: Option<i64>,
    status: String,
    paid: i64,
}

/// Adds a booking of `order` at the cinema `name`, in the state `status`.
///
/// # Errors
///
/// When the database fails.
pub async fn insert(tx: &mut Tx, order: Order, name: &str, status: Status) -> Result<Booking, Error> {
    let now = tx.now().as_microsecond();
    let insert = query_as(
        "INSERT INTO bookings
             (movie_name, seat, qty, total_price, name, customer_id, status, paid, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $8)
         RETURNING id, movie_name, seat, qty, total_price, name, customer_id, status, paid",
    )
    .bind(order.movie_name)
    .bind(order.seats.map(|seats| seats.to_string()))
    .bind(order.qty.get())
    .bind(order.total_price.map(Price::get))
    .bind(name.to_owned())
    .bind(order.customer_id.map(CustomerId::get))
    .bind(status.to_string())
    .bind(now);
    restore(tx.fetch_one(insert).await?)
}

/// The booking, locked until `tx` ends. The update that changes nothing is what locks a row on either product.
///
/// # Errors
///
/// When the database fails.
pub async fn find_for_update(tx: &mut Tx, id: BookingId) -> Result<Option<Booking>, Error> {
    let lock = query_as(
        "UPDATE bookings SET status = status WHERE id = $1
         RETURNING id, movie_name, seat, qty, total_price, name, customer_id, status, paid",
    )
    .bind(id.get());
    tx.fetch_optional(lock).await?.map(restore).transpose()
}

/// Keeps what a transition changed.
///
/// # Errors
///
/// When the database fails.
pub async fn update(tx: &mut Tx, booking: &Booking) -> Result<(), Error> {
    let row = booking.row();
    let update = query("UPDATE bookings SET status = $1, paid = $2, updated_at = $3 WHERE id = $4")
        .bind(row.status.to_string())
        .bind(i64::from(row.paid))
        .bind(tx.now().as_microsecond())
        .bind(row.id.get());
    tx.execute(update).await?;
    Ok(())
}

/// Takes a booking back as if it had never been asked for.
///
/// # Errors
///
/// When the database fails.
pub async fn delete(tx: &mut Tx, id: BookingId) -> Result<(), Error> {
    tx.execute(query("DELETE FROM bookings WHERE id = $1").bind(id.get())).await?;
    Ok(())
}

/// The booking as it is now.
///
/// # Errors
///
/// When the database fails.
pub async fn find(conn: &mut Conn, id: BookingId) -> Result<Option<Booking>, Error> {
    let find = query_as(
        "SELECT id, movie_name, seat, qty, total_price, name, customer_id, status, paid
         FROM bookings WHERE id = $1",
    )
    .bind(id.get());
    conn.fetch_optional(find).await?.map(restore).transpose()
}

/// `limit` bookings after the first `offset`, oldest first, and how many there are.
///
/// # Errors
///
/// When the database fails.
pub async fn page(conn: &mut Conn, offset: i64, limit: i64) -> Result<(Vec<Booking>, i64), Error> {
    let find = query_as(
        "SELECT id, movie_name, seat, qty, total_price, name, customer_id, status, paid
         FROM bookings ORDER BY id LIMIT $1 OFFSET $2",
    )
    .bind(limit)
    .bind(offset);
    let rows = conn.fetch_all(find).await?;
    let count = query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM bookings");
    let (total,) = conn.fetch_one::<(i64,)>(count).await?;
    let bookings = rows.into_iter().map(restore).collect::<Result<_, _>>()?;
    Ok((bookings, total))
}

fn restore(row: BookingRow) -> Result<Booking, Error> {
    let corrupt = |detail: &dyn Display| Error::corrupt("bookings", row.id, detail);
    Ok(Booking::restore(Row {
        id: BookingId::new(row.id).map_err(|error| corrupt(&error))?,
        movie_name: row.movie_name,
        seat: row.seat,
        qty: row.qty,
        total_price: row.total_price,
        name: row.name,
        customer_id: row.customer_id.map(CustomerId::new).transpose().map_err(|error| corrupt(&error))?,
        status: row.status.parse().map_err(|error| corrupt(&error))?,
        paid: row.paid != 0,
    }))
}

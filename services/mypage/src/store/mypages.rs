//! The table `mypages`, to write.

use std::fmt::Display;

use events::{BookingId, CustomerId, TicketId};
use jiff::Timestamp;
use sqlx::FromRow;
use storage::{Error, Tx, query, query_as};

use crate::domain::{Mypage, Order};

/// The columns of a row; what is read of it elsewhere is read the same way.
#[derive(FromRow)]
pub(super) struct MypageRow {
    pub(super) booking_id: i64,
    booked: i64,
    customer_id: Option<i64>,
    movie_name: Option<String>,
    seat: Option<String>,
    qty: Option<i64>,
    price: Option<i64>,
    status: String,
    score: Option<i64>,
    ticket_id: Option<i64>,
    updated_at: i64,
}

/// What is known of `booking`, locked until `tx` ends. Where nothing is, a row takes its place that says so, of `at`.
///
/// # Errors
///
/// When the database fails.
pub async fn find_or_insert_for_update(
    tx: &mut Tx,
    booking: BookingId,
    at: Timestamp,
) -> Result<Mypage, Error> {
    let unknown = Mypage::unknown(booking, at);
    // The update that changes nothing locks a row that is there, and makes RETURNING show it.
    let lock = query_as(
        "INSERT INTO mypages (booking_id, booked, status, updated_at) VALUES ($1, 0, $2, $3)
         ON CONFLICT (booking_id) DO UPDATE SET booked = mypages.booked
         RETURNING booking_id, booked, customer_id, movie_name, seat, qty, price, status, score, ticket_id, updated_at",
    )
    .bind(booking.get())
    .bind(unknown.status.to_string())
    .bind(at.as_microsecond());
    restore(tx.fetch_one(lock).await?)
}

/// Keeps what an event changed.
///
/// # Errors
///
/// When the database fails.
pub async fn update(tx: &mut Tx, mypage: &Mypage) -> Result<(), Error> {
    let order = mypage.order.clone().unwrap_or_default();
    let update = query(
        "UPDATE mypages SET booked = $1, customer_id = $2, movie_name = $3, seat = $4, qty = $5, price = $6,
             status = $7, score = $8, ticket_id = $9, updated_at = $10
         WHERE booking_id = $11",
    )
    .bind(i64::from(mypage.order.is_some()))
    .bind(order.customer_id.map(CustomerId::get))
    .bind(order.movie_name)
    .bind(order.seat)
    .bind(order.qty)
    .bind(order.price)
    .bind(mypage.status.to_string())
    .bind(mypage.score)
    .bind(mypage.ticket_id.map(TicketId::get))
    .bind(mypage.updated_at.as_microsecond())
    .bind(mypage.booking_id.get());
    tx.execute(update).await?;
    Ok(())
}

pub(super) fn restore(row: MypageRow) -> Result<Mypage, Error> {
    let corrupt = |detail: &dyn Display| Error::corrupt("mypages", row.booking_id, detail);
    let order = Order {
        customer_id: row.customer_id.map(CustomerId::new).transpose().map_err(|error| corrupt(&error))?,
        movie_name: row.movie_name,
        seat: row.seat,
        qty: row.qty,
        price: row.price,
    };
    Ok(Mypage {
        booking_id: BookingId::new(row.booking_id).map_err(|error| corrupt(&error))?,
        order: (row.booked != 0).then_some(order),
        status: row.status.parse().map_err(|error| corrupt(&error))?,
        score: row.score,
        ticket_id: row.ticket_id.map(TicketId::new).transpose().map_err(|error| corrupt(&error))?,
        updated_at: Timestamp::from_microsecond(row.updated_at).map_err(|error| corrupt(&error))?,
    })
}

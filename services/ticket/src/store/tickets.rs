//! The table `tickets`.

use std::fmt::Display;

use events::{BookingId, CustomerId, Screening, ScreeningId, TicketId};
use jiff::Timestamp;
use sqlx::FromRow;
use storage::{COUNT_LIMIT, Conn, Error, Page, Slice, Tx, query, query_as};

use crate::domain::{Row, Status, Ticket};

/// Names the columns of a `TicketRow`. It is a macro so that each statement stays a literal.
macro_rules! ticket_columns {
    () => {
        "booking_id, movie_name, qty, seat, customer_id, screening_id, theatre, hall, starts_at, ends_at, status, asks"
    };
}

#[derive(FromRow)]
struct TicketRow {
    booking_id: i64,
    movie_name: Option<String>,
    qty: Option<i64>,
    seat: Option<String>,
    customer_id: Option<i64>,
    screening_id: Option<i64>,
    theatre: Option<String>,
    hall: Option<String>,
    starts_at: Option<i64>,
    ends_at: Option<i64>,
    status: String,
    asks: i64,
}

/// Inserts `ticket`. Returns `false` if the booking already has one, or was canceled before.
pub async fn insert(tx: &mut Tx, ticket: &Ticket) -> Result<bool, Error> {
    let row = ticket.row();
    let insert = query(concat!(
        "INSERT INTO tickets (",
        ticket_columns!(),
        ", issued, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $13)
         ON CONFLICT DO NOTHING",
    ))
    .bind(row.booking_id.get())
    .bind(row.movie_name.clone())
    .bind(row.qty)
    .bind(row.seat.clone())
    .bind(row.customer_id.map(CustomerId::get))
    .bind(row.screening.screening_id.map(ScreeningId::get))
    .bind(row.screening.theatre.clone())
    .bind(row.screening.hall.clone())
    .bind(row.screening.starts_at.map(Timestamp::as_microsecond))
    .bind(row.screening.ends_at.map(Timestamp::as_microsecond))
    .bind(row.status.to_string())
    .bind(row.point_requests)
    .bind(tx.now().as_microsecond());
    Ok(tx.execute(insert).await? == 1)
}

/// The ticket of `booking`, locked until `tx` ends. If there is none, inserts a void one that is not issued:
/// no request shows it, and it makes a later [`insert`] do nothing.
pub async fn find_or_insert_void_for_update(tx: &mut Tx, booking: BookingId) -> Result<Ticket, Error> {
    // The update changes nothing. It locks an existing row and has RETURNING return it.
    let lock = query_as(concat!(
        "INSERT INTO tickets (booking_id, status, asks, issued, created_at, updated_at)
         VALUES ($1, $2, 0, 0, $3, $3)
         ON CONFLICT (booking_id) DO UPDATE SET status = tickets.status
         RETURNING ",
        ticket_columns!(),
    ))
    .bind(booking.get())
    .bind(Status::Canceled.to_string())
    .bind(tx.now().as_microsecond());
    restore(tx.fetch_one(lock).await?)
}

/// The ticket of `booking`, locked until `tx` ends, even if it is void and was never issued.
pub async fn find_issued_or_void_for_update(
    tx: &mut Tx,
    booking: BookingId,
) -> Result<Option<Ticket>, Error> {
    let lock = query_as(concat!(
        "UPDATE tickets SET status = status WHERE booking_id = $1
         RETURNING ",
        ticket_columns!(),
    ))
    .bind(booking.get());
    tx.fetch_optional(lock).await?.map(restore).transpose()
}

/// The ticket, locked until `tx` ends. The update changes nothing; it locks the row in both SQLite and
/// PostgreSQL.
pub async fn find_for_update(tx: &mut Tx, id: TicketId) -> Result<Option<Ticket>, Error> {
    let lock = query_as(concat!(
        "UPDATE tickets SET status = status WHERE booking_id = $1 AND issued = 1
         RETURNING ",
        ticket_columns!(),
    ))
    .bind(id.get());
    tx.fetch_optional(lock).await?.map(restore).transpose()
}

/// Stores the fields that a transition may change.
pub async fn update(tx: &mut Tx, ticket: &Ticket) -> Result<(), Error> {
    let row = ticket.row();
    let update = query("UPDATE tickets SET status = $1, asks = $2, updated_at = $3 WHERE booking_id = $4")
        .bind(row.status.to_string())
        .bind(row.point_requests)
        .bind(tx.now().as_microsecond())
        .bind(row.booking_id.get());
    tx.execute(update).await?;
    Ok(())
}

/// The ticket, without a lock.
pub async fn find(conn: &mut Conn, id: TicketId) -> Result<Option<Ticket>, Error> {
    let find =
        query_as(concat!("SELECT ", ticket_columns!(), " FROM tickets WHERE booking_id = $1 AND issued = 1"))
            .bind(id.get());
    conn.fetch_optional(find).await?.map(restore).transpose()
}

/// The tickets of `slice`, of all customers or of `customer`, in the order of their bookings.
pub async fn page(
    conn: &mut Conn,
    customer: Option<CustomerId>,
    slice: Slice,
) -> Result<Page<Ticket>, Error> {
    let (find, count) = match customer {
        None => (
            query_as(concat!(
                "SELECT ",
                ticket_columns!(),
                " FROM tickets WHERE issued = 1 AND booking_id > $1 ORDER BY booking_id LIMIT $2 OFFSET $3"
            )),
            query_as(
                "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM tickets WHERE issued = 1 LIMIT $1) AS counted",
            ),
        ),
        Some(customer) => (
            query_as(concat!(
                "SELECT ",
                ticket_columns!(),
                " FROM tickets WHERE customer_id = $1 AND issued = 1 AND booking_id > $2
                 ORDER BY booking_id LIMIT $3 OFFSET $4"
            ))
            .bind(customer.get()),
            query_as(
                "SELECT CAST(COUNT(*) AS BIGINT)
                 FROM (SELECT 1 FROM tickets WHERE customer_id = $1 AND issued = 1 LIMIT $2) AS counted",
            )
            .bind(customer.get()),
        ),
    };
    let rows = conn.fetch_all(find.bind(slice.after).bind(slice.limit()).bind(slice.offset)).await?;
    let (counted,) = conn.fetch_one::<(i64,)>(count.bind(COUNT_LIMIT)).await?;
    Page::new(rows, slice, counted, |row: &TicketRow| row.booking_id).try_map(restore)
}

/// At most `limit` tickets that are `Printing` and have not changed since `before`; those that changed first
/// come first.
pub async fn list_printing(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<Vec<TicketId>, Error> {
    let find = query_as(
        "SELECT booking_id FROM tickets WHERE status = 'Printing' AND updated_at <= $1
         ORDER BY updated_at LIMIT $2",
    )
    .bind(before.as_microsecond())
    .bind(limit);
    let rows: Vec<(i64,)> = conn.fetch_all(find).await?;
    rows.into_iter()
        .map(|(id,)| TicketId::new(id).map_err(|error| Error::corrupt("tickets", id, error)))
        .collect()
}

fn restore(row: TicketRow) -> Result<Ticket, Error> {
    let corrupt = |detail: &dyn Display| Error::corrupt("tickets", row.booking_id, detail);
    let time = |us: i64| Timestamp::from_microsecond(us).map_err(|error| corrupt(&error));
    let screening = Screening {
        screening_id: row.screening_id.map(ScreeningId::new).transpose().map_err(|error| corrupt(&error))?,
        theatre: row.theatre,
        hall: row.hall,
        starts_at: row.starts_at.map(time).transpose()?,
        ends_at: row.ends_at.map(time).transpose()?,
    };
    Ok(Ticket::restore(Row {
        booking_id: BookingId::new(row.booking_id).map_err(|error| corrupt(&error))?,
        movie_name: row.movie_name,
        qty: row.qty,
        seat: row.seat,
        customer_id: row.customer_id.map(CustomerId::new).transpose().map_err(|error| corrupt(&error))?,
        screening,
        status: row.status.parse().map_err(|error| corrupt(&error))?,
        point_requests: row.asks,
    }))
}

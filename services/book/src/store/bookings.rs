//! The table `bookings`.

use std::fmt::Display;

use events::{BookingId, CustomerId, ScreeningId};
use jiff::Timestamp;
use sqlx::FromRow;
use storage::{COUNT_LIMIT, Conn, Error, Page, QueryAs, Slice, Tx, query, query_as};

use super::halls::earliest_start;
use crate::domain::{Booking, Hold, Order, Price, Row, Status};

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
    screening_id: Option<i64>,
    /// When it starts, when it ends, and its theatre.
    screening: Option<String>,
    held_until: Option<i64>,
    paying_until: Option<i64>,
    look_at: Option<i64>,
    looks: i64,
    attempts: i64,
    pay_later: i64,
    in_doubt: i64,
    held_published: i64,
    created_at: i64,
    updated_at: i64,
}

/// Adds a pending booking of `order` at the cinema `name`, with `hold`. Returns `None` if an order with a
/// screening would give its customer more than `max_places` there, or an order without one names a movie that
/// has screenings.
///
/// To keep to `max_places`, the caller locks the customer first.
pub async fn insert(
    tx: &mut Tx,
    order: Order,
    name: &str,
    hold: Hold,
    max_places: i64,
) -> Result<Option<Booking>, Error> {
    let now = tx.now().as_microsecond();
    let (movie_name, movie_key) =
        order.movie_name.map(|name| (name.spelling().to_owned(), name.key().to_owned())).unzip();
    let insert = query_as(
        concat!(
            "INSERT INTO bookings
             (movie_name, seat, qty, total_price, name, customer_id, status, paid, screening_id,
              held_until, paying_until, look_at, looks, attempts, pay_later, created_at, updated_at, movie_key)
         SELECT $1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16
         WHERE ($8 IS NULL OR $6 IS NULL
                OR $3 + (SELECT CAST(COALESCE(SUM(qty), 0) AS BIGINT) FROM bookings
                         WHERE customer_id = $6 AND screening_id = $8
                           AND status NOT IN ('Declined', 'Expired', 'Canceled')) <= $17)
           AND ($8 IS NOT NULL OR $1 IS NULL
                OR NOT EXISTS (SELECT 1 FROM screenings WHERE movie_key = $16 AND starts_at >= $18 AND ",
            ends_at!(),
            " > $15))
         RETURNING ",
            booking_columns!("")
        ),
    )
    .bind(movie_name)
    .bind(order.seats.map(|seats| seats.to_string()))
    .bind(order.qty.get())
    .bind(order.total_price.map(Price::get))
    .bind(name.to_owned())
    .bind(order.customer_id.map(CustomerId::get))
    .bind(Status::PaymentPending.to_string())
    .bind(order.screening_id.map(ScreeningId::get))
    .bind(hold.until.as_microsecond())
    .bind(hold.paying_until.map(Timestamp::as_microsecond))
    .bind(hold.inquire_at.map(Timestamp::as_microsecond))
    .bind(hold.inquiries)
    .bind(hold.attempts)
    .bind(i64::from(hold.pay_later))
    .bind(now)
    .bind(movie_key.unwrap_or_default())
    .bind(max_places)
    .bind(earliest_start(tx.now()));
    tx.fetch_optional(insert).await?.map(restore).transpose()
}

/// The booking, locked until `tx` ends. An update that changes nothing locks a row on both products.
pub async fn find_for_update(tx: &mut Tx, id: BookingId) -> Result<Option<Booking>, Error> {
    let lock = query_as(concat!(
        "UPDATE bookings SET status = status WHERE id = $1
         RETURNING ",
        booking_columns!("")
    ))
    .bind(id.get());
    tx.fetch_optional(lock).await?.map(restore).transpose()
}

/// Writes what a transition changes.
pub async fn update(tx: &mut Tx, booking: &Booking) -> Result<(), Error> {
    let row = booking.row();
    let update = query(
        "UPDATE bookings SET status = $1, paid = $2, held_until = $3, paying_until = $4, look_at = $5, looks = $6,
             attempts = $7, in_doubt = $8, held_published = $9, updated_at = $10 WHERE id = $11",
    )
    .bind(row.status.to_string())
    .bind(i64::from(row.paid))
    .bind(row.hold.until.as_microsecond())
    .bind(row.hold.paying_until.map(Timestamp::as_microsecond))
    .bind(row.hold.inquire_at.map(Timestamp::as_microsecond))
    .bind(row.hold.inquiries)
    .bind(row.hold.attempts)
    .bind(i64::from(row.hold.in_doubt))
    .bind(i64::from(row.hold.is_published))
    .bind(tx.now().as_microsecond())
    .bind(row.id.get());
    tx.execute(update).await?;
    Ok(())
}

/// Ends a pending booking whose payment was decided. Returns `false` if it is no longer pending, and was not
/// changed.
pub async fn end_pending(tx: &mut Tx, booking: &Booking) -> Result<bool, Error> {
    let end =
        query("UPDATE bookings SET status = $1, updated_at = $2 WHERE id = $3 AND status = 'PaymentPending'")
            .bind(booking.status().to_string())
            .bind(tx.now().as_microsecond())
            .bind(booking.id().get());
    Ok(tx.execute(end).await? == 1)
}

/// Postpones what is due for the pending booking `id` to `until`, without reading the row.
pub async fn postpone(tx: &mut Tx, id: BookingId, until: Timestamp) -> Result<(), Error> {
    let postpone = query(
        "UPDATE bookings SET held_until = CASE WHEN held_until <= $3 THEN $1 ELSE held_until END,
                look_at = CASE WHEN look_at <= $3 THEN $1 ELSE look_at END
         WHERE id = $2 AND status = 'PaymentPending'",
    );
    let now = tx.now().as_microsecond();
    tx.execute(postpone.bind(until.as_microsecond()).bind(id.get()).bind(now)).await?;
    Ok(())
}

/// Deletes a booking.
pub async fn delete(tx: &mut Tx, id: BookingId) -> Result<(), Error> {
    tx.execute(query("DELETE FROM bookings WHERE id = $1").bind(id.get())).await?;
    Ok(())
}

/// The booking `id`.
pub async fn find(conn: &mut Conn, id: BookingId) -> Result<Option<Booking>, Error> {
    let find = query_as(concat!(
        "SELECT ",
        booking_columns!(""),
        "
         FROM bookings WHERE id = $1"
    ))
    .bind(id.get());
    conn.fetch_optional(find).await?.map(restore).transpose()
}

/// Selects one page of the bookings that `$condition` matches. The page is cut before the screening of each
/// booking is read.
macro_rules! page_where {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            booking_columns!("page."),
            "
             FROM (SELECT * FROM bookings WHERE id > $1",
            $condition,
            " ORDER BY id LIMIT $2 OFFSET $3) AS page
             ORDER BY page.id"
        )
    };
}

/// The bookings of `slice`, all or those of `customer`, oldest first.
pub async fn page(
    conn: &mut Conn,
    customer: Option<CustomerId>,
    slice: Slice,
) -> Result<Page<Booking>, Error> {
    let (find, count) = match customer {
        None => (
            query_as(page_where!("")),
            query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM bookings LIMIT $1) AS counted"),
        ),
        Some(_) => (
            query_as(page_where!(" AND customer_id = $4")),
            query_as(
                "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM bookings WHERE customer_id = $2 LIMIT $1) AS counted",
            ),
        ),
    };
    let find = find.bind(slice.after).bind(slice.limit()).bind(slice.offset);
    let rows = conn.fetch_all(with_customer(find, customer)).await?;
    let count = with_customer(count.bind(COUNT_LIMIT), customer);
    let (counted,) = conn.fetch_one::<(i64,)>(count).await?;
    Page::new(rows, slice, counted, |row: &BookingRow| row.id).try_map(restore)
}

/// Binds the customer, the last parameter of a query that has one.
fn with_customer<T>(query: QueryAs<'_, T>, customer: Option<CustomerId>) -> QueryAs<'_, T> {
    match customer {
        Some(customer) => query.bind(customer.get()),
        None => query,
    }
}

/// The number of held bookings without a running attempt to pay: of all customers, or of `customer`.
pub async fn count_held(conn: &mut Tx, customer: Option<CustomerId>) -> Result<i64, Error> {
    let now = conn.now().as_microsecond();
    let count = match customer {
        Some(customer) => query_as(
            "SELECT CAST(COUNT(*) AS BIGINT) FROM bookings
             WHERE status = 'PaymentPending' AND (paying_until IS NULL OR paying_until <= $1) AND customer_id = $2",
        )
        .bind(now)
        .bind(customer.get()),
        None => query_as(
            "SELECT CAST(COUNT(*) AS BIGINT) FROM bookings
             WHERE status = 'PaymentPending' AND (paying_until IS NULL OR paying_until <= $1)",
        )
        .bind(now),
    };
    let (held,) = conn.fetch_one::<(i64,)>(count).await?;
    Ok(held)
}

/// At most `limit` bookings whose hold has ended and that have no running attempt to pay, the longest ended
/// first. A booking in doubt is left out while an inquiry about it is due.
pub async fn overdue(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<Vec<BookingId>, Error> {
    let find = query_as(
        "SELECT id FROM bookings
         WHERE status = 'PaymentPending' AND held_until <= $1 AND (paying_until IS NULL OR paying_until <= $1)
           AND NOT (in_doubt = 1 AND look_at IS NOT NULL AND look_at <= $1)
         ORDER BY held_until LIMIT $2",
    );
    ids(conn, find.bind(now.as_microsecond()).bind(limit)).await
}

/// At most `limit` pending bookings about which an inquiry is due, the longest due first.
pub async fn due_inquiries(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<Vec<BookingId>, Error> {
    let find = query_as(
        "SELECT id FROM bookings
         WHERE status = 'PaymentPending' AND look_at <= $1 AND (paying_until IS NULL OR paying_until <= $1)
         ORDER BY look_at LIMIT $2",
    );
    ids(conn, find.bind(now.as_microsecond()).bind(limit)).await
}

async fn ids(conn: &mut Conn, find: QueryAs<'_, (i64,)>) -> Result<Vec<BookingId>, Error> {
    let rows = conn.fetch_all(find).await?;
    rows.into_iter()
        .map(|(id,)| BookingId::new(id).map_err(|error| Error::corrupt("bookings", id, error)))
        .collect()
}

fn restore(row: BookingRow) -> Result<Booking, Error> {
    let corrupt = |detail: &dyn Display| Error::corrupt("bookings", row.id, detail);
    let time = |us: i64| Timestamp::from_microsecond(us).map_err(|error| corrupt(&error));
    let hold = Hold {
        // A booking from before there were holds does not wait for its payment.
        until: time(row.held_until.unwrap_or(row.created_at))?,
        paying_until: row.paying_until.map(time).transpose()?,
        inquire_at: row.look_at.map(time).transpose()?,
        inquiries: row.looks,
        attempts: row.attempts,
        pay_later: row.pay_later != 0,
        in_doubt: row.in_doubt != 0,
        is_published: row.held_published != 0,
    };
    let screening = row.screening.as_deref().map(restore_screening).transpose();
    let screening = screening.map_err(|error| corrupt(&error))?;
    let (starts_at, ends_at, theatre) = screening
        .map_or((None, None, None), |(starts_at, ends_at, theatre)| {
            (Some(starts_at), Some(ends_at), Some(theatre))
        });
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
        screening_id: row.screening_id.map(ScreeningId::new).transpose().map_err(|error| corrupt(&error))?,
        starts_at,
        ends_at,
        theatre,
        hold,
        updated_at: time(row.updated_at)?,
    }))
}

/// The start, the end and the theatre in the text of `booking_columns!`.
fn restore_screening(text: &str) -> Result<(Timestamp, Timestamp, String), String> {
    let mut parts = text.splitn(3, ' ');
    let mut part = || parts.next().ok_or_else(|| format!("{text:?} is not a screening"));
    let time = |us: &str| match us.parse().map(Timestamp::from_microsecond) {
        Ok(Ok(time)) => Ok(time),
        _ => Err(format!("{us:?} is not a time")),
    };
    Ok((time(part()?)?, time(part()?)?, part()?.to_owned()))
}

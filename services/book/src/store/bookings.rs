//! The table `bookings`.

use std::fmt::Display;

use events::{BookingId, CustomerId, ScreeningId};
use jiff::Timestamp;
use sqlx::FromRow;
use storage::{COUNT_LIMIT, Conn, Error, Page, QueryAs, Slice, Tx, query, query_as};

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
    starts_at: Option<i64>,
    ends_at: Option<i64>,
    theatre: Option<String>,
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

/// Adds a pending booking of `order` at the cinema `name`, which waits for its payment as `hold` says.
///
/// # Errors
///
/// When the database fails.
pub async fn insert(tx: &mut Tx, order: Order, name: &str, hold: Hold) -> Result<Booking, Error> {
    let now = tx.now().as_microsecond();
    let (movie_name, movie_key) =
        order.movie_name.map(|name| (name.spelling().to_owned(), name.key().to_owned())).unzip();
    let insert = query_as(
        concat!(
            "INSERT INTO bookings
             (movie_name, seat, qty, total_price, name, customer_id, status, paid, screening_id,
              held_until, paying_until, look_at, looks, attempts, pay_later, created_at, updated_at, movie_key)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16)
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
    .bind(hold.look_at.map(Timestamp::as_microsecond))
    .bind(hold.looks)
    .bind(hold.attempts)
    .bind(i64::from(hold.pay_later))
    .bind(now)
    .bind(movie_key.unwrap_or_default());
    restore(tx.fetch_one(insert).await?)
}

/// The booking, locked until `tx` ends. The update that changes nothing is what locks a row on either product.
///
/// # Errors
///
/// When the database fails.
pub async fn find_for_update(tx: &mut Tx, id: BookingId) -> Result<Option<Booking>, Error> {
    let lock = query_as(concat!(
        "UPDATE bookings SET status = status WHERE id = $1
         RETURNING ",
        booking_columns!("")
    ))
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
    let update = query(
        "UPDATE bookings SET status = $1, paid = $2, held_until = $3, paying_until = $4, look_at = $5, looks = $6,
             attempts = $7, in_doubt = $8, held_published = $9, updated_at = $10 WHERE id = $11",
    )
    .bind(row.status.to_string())
    .bind(i64::from(row.paid))
    .bind(row.hold.until.as_microsecond())
    .bind(row.hold.paying_until.map(Timestamp::as_microsecond))
    .bind(row.hold.look_at.map(Timestamp::as_microsecond))
    .bind(row.hold.looks)
    .bind(row.hold.attempts)
    .bind(i64::from(row.hold.in_doubt))
    .bind(i64::from(row.hold.is_published))
    .bind(tx.now().as_microsecond())
    .bind(row.id.get());
    tx.execute(update).await?;
    Ok(())
}

/// Puts what is due of the pending booking `id` off to `until`, whatever else its row says.
///
/// # Errors
///
/// When the database fails.
pub async fn put_off(tx: &mut Tx, id: BookingId, until: Timestamp) -> Result<(), Error> {
    let put_off = query(
        "UPDATE bookings SET held_until = CASE WHEN held_until <= $3 THEN $1 ELSE held_until END,
                look_at = CASE WHEN look_at <= $3 THEN $1 ELSE look_at END
         WHERE id = $2 AND status = 'PaymentPending'",
    );
    let now = tx.now().as_microsecond();
    tx.execute(put_off.bind(until.as_microsecond()).bind(id.get()).bind(now)).await?;
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
    let find = query_as(concat!(
        "SELECT ",
        booking_columns!(""),
        "
         FROM bookings WHERE id = $1"
    ))
    .bind(id.get());
    conn.fetch_optional(find).await?.map(restore).transpose()
}

/// The bookings of `slice`, oldest first. The slice is cut before the start of each booking's screening is looked up.
///
/// # Errors
///
/// When the database fails.
pub async fn page(conn: &mut Conn, slice: Slice) -> Result<Page<Booking>, Error> {
    let find = query_as(concat!(
        "SELECT ",
        booking_columns!("page."),
        "
         FROM (SELECT * FROM bookings WHERE id > $1 ORDER BY id LIMIT $2 OFFSET $3) AS page
         ORDER BY page.id"
    ))
    .bind(slice.after)
    .bind(slice.limit())
    .bind(slice.offset);
    let rows = conn.fetch_all(find).await?;
    let count = query_as("SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM bookings LIMIT $1) AS counted");
    let (counted,) = conn.fetch_one::<(i64,)>(count.bind(COUNT_LIMIT)).await?;
    Page::new(rows, slice, counted, |row: &BookingRow| row.id).try_map(restore)
}

/// As [`page`], of the bookings of one customer.
///
/// # Errors
///
/// When the database fails.
pub async fn page_of(conn: &mut Conn, customer: CustomerId, slice: Slice) -> Result<Page<Booking>, Error> {
    let find = query_as(
        concat!(
            "SELECT ",
            booking_columns!("page."),
            "
         FROM (SELECT * FROM bookings WHERE customer_id = $1 AND id > $2 ORDER BY id LIMIT $3 OFFSET $4) AS page
         ORDER BY page.id"
        ),
    )
    .bind(customer.get())
    .bind(slice.after)
    .bind(slice.limit())
    .bind(slice.offset);
    let rows = conn.fetch_all(find).await?;
    let count = query_as(
        "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 FROM bookings WHERE customer_id = $1 LIMIT $2) AS counted",
    )
    .bind(customer.get())
    .bind(COUNT_LIMIT);
    let (counted,) = conn.fetch_one::<(i64,)>(count).await?;
    Page::new(rows, slice, counted, |row: &BookingRow| row.id).try_map(restore)
}

/// How many bookings are held unpaid while nobody is paying for them: all, or those of `customer`.
///
/// # Errors
///
/// When the database fails.
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

/// How many places `customer` has at `screening`, held or sold.
///
/// # Errors
///
/// When the database fails.
pub async fn count_places(
    conn: &mut Conn,
    customer: CustomerId,
    screening: ScreeningId,
) -> Result<i64, Error> {
    let count = query_as(
        "SELECT CAST(COALESCE(SUM(qty), 0) AS BIGINT) FROM bookings
         WHERE customer_id = $1 AND screening_id = $2 AND status NOT IN ('Declined', 'Expired', 'Canceled')",
    )
    .bind(customer.get())
    .bind(screening.get());
    let (places,) = conn.fetch_one::<(i64,)>(count).await?;
    Ok(places)
}

/// At most `limit` bookings whose hold is over and for which nobody is paying; the longest over first. One whose payment is
/// in doubt comes after payment has been asked about it.
///
/// # Errors
///
/// When the database fails.
pub async fn overdue(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<Vec<BookingId>, Error> {
    let find = query_as(
        "SELECT id FROM bookings
         WHERE status = 'PaymentPending' AND held_until <= $1 AND (paying_until IS NULL OR paying_until <= $1)
           AND NOT (in_doubt = 1 AND look_at IS NOT NULL AND look_at <= $1)
         ORDER BY held_until LIMIT $2",
    );
    ids(conn, find.bind(now.as_microsecond()).bind(limit)).await
}

/// At most `limit` pending bookings whose payment is to be looked after; the most overdue first.
///
/// # Errors
///
/// When the database fails.
pub async fn unsettled(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<Vec<BookingId>, Error> {
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
        // A booking from before there were holds does not wait for anything.
        until: time(row.held_until.unwrap_or(row.created_at))?,
        paying_until: row.paying_until.map(time).transpose()?,
        look_at: row.look_at.map(time).transpose()?,
        looks: row.looks,
        attempts: row.attempts,
        pay_later: row.pay_later != 0,
        in_doubt: row.in_doubt != 0,
        is_published: row.held_published != 0,
    };
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
        starts_at: row.starts_at.map(time).transpose()?,
        ends_at: row.ends_at.map(time).transpose()?,
        theatre: row.theatre,
        hold,
        updated_at: time(row.updated_at)?,
    }))
}

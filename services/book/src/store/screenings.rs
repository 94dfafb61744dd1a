//! The tables `screenings` and `screening_seats`.

use std::collections::BTreeMap;
use std::fmt::Display;

use events::{Name, ScreeningId};
use jiff::Timestamp;
use sqlx::FromRow;
use storage::{
    COUNT_LIMIT, Conn, Error, MAX_VALUES, Page, QueryAs, Slice, Tx, query_as, query_as_built, query_built,
};

use crate::domain::{Price, Screening, Seat, Seats};

/// A screening to add.
#[derive(Clone, Debug)]
pub struct New<'s> {
    pub movie_name: &'s Name,
    /// Also the name of the hall.
    pub theatre: &'s Name,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    /// The layout as JSON, if it has seats.
    pub hall: Option<String>,
    /// The number of places and the price of one, in general admission.
    pub places: Option<(i64, Price)>,
}

/// A screening as clients see it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: ScreeningId,
    pub movie_name: String,
    pub theatre: String,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    /// The layout as JSON, if it has seats.
    pub hall: Option<String>,
    /// The price of a place, in general admission.
    pub price: Option<i64>,
    pub capacity: i64,
    pub places_left: i64,
}

/// Selects screenings.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The key of the movie.
    pub movie_key: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// Whether a seat is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SeatState {
    Available,
    Held,
    Sold,
}

/// Adds a screening. Returns `None` if another one starts in that theatre at that time.
pub async fn insert(tx: &mut Tx, new: New<'_>) -> Result<Option<ScreeningId>, Error> {
    let (capacity, price) =
        new.places.map_or((None, None), |(places, price)| (Some(places), Some(price.get())));
    let insert = query_as(
        "INSERT INTO screenings
             (movie_name, theatre, starts_at, ends_at, hall, capacity, price, places_left, created_at, movie_key,
              theatre_key, hall_key)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $6, $8, $9, $10, $10)
         ON CONFLICT (theatre, starts_at) DO NOTHING RETURNING id",
    )
    .bind(new.movie_name.spelling().to_owned())
    .bind(new.theatre.spelling().to_owned())
    .bind(new.starts_at.as_microsecond())
    .bind(new.ends_at.as_microsecond())
    .bind(new.hall)
    .bind(capacity)
    .bind(price)
    .bind(tx.now().as_microsecond())
    .bind(new.movie_name.key().to_owned())
    .bind(new.theatre.key().to_owned());
    let id: Option<(i64,)> = tx.fetch_optional(insert).await?;
    id.map(|(id,)| parse(id)).transpose()
}

/// Adds the seats of a new screening.
pub async fn insert_seats(tx: &mut Tx, screening: ScreeningId, seats: &[Seat]) -> Result<(), Error> {
    const BOUND: usize = 8;
    for rows in seats.chunks(MAX_VALUES / BOUND) {
        let mut insert = query_built(format!(
            "INSERT INTO screening_seats
                 (screening_id, seat, row_name, row_number, column_number, kind, price_class, price) VALUES {}",
            tx.values(rows.len(), BOUND)
        ));
        for seat in rows {
            insert = insert
                .bind(screening.get())
                .bind(seat.name.clone())
                .bind(seat.row.clone())
                .bind(seat.row_number)
                .bind(seat.column_number)
                .bind(seat.kind.to_string())
                .bind(seat.price_class.clone())
                .bind(seat.price.get());
        }
        tx.execute(insert).await?;
    }
    Ok(())
}

#[derive(FromRow)]
struct OfferRow {
    movie_name: String,
    starts_at: i64,
    place_price: Option<i64>,
    seat: Option<String>,
    seat_price: Option<i64>,
}

/// What an order must know of a screening, and the prices of those of `seats` that it has.
pub async fn find_with_prices(
    conn: &mut Conn,
    id: ScreeningId,
    seats: Option<&Seats>,
) -> Result<Option<(Screening, BTreeMap<String, Price>)>, Error> {
    // No seat has an empty name: an order without seats finds the screening alone.
    let no_seat = [String::new()];
    let names = seats.map_or(no_seat.as_slice(), Seats::names);
    // `VALUES` names its columns alike on both products. There are only as many texts as a booking can have
    // seats, so the server may cache them.
    let find = format!(
        "SELECT screenings.movie_name, screenings.starts_at, screenings.price AS place_price, screening_seats.seat,
             screening_seats.price AS seat_price
         FROM (VALUES {}) AS wanted
         JOIN screenings ON screenings.id = wanted.column1
         LEFT JOIN screening_seats
             ON screening_seats.screening_id = screenings.id AND screening_seats.seat = wanted.column2",
        conn.values(names.len(), 2)
    );
    let mut find = query_as_built(find).persistent(true);
    for name in names {
        find = find.bind(id.get()).bind(name.clone());
    }
    let rows: Vec<OfferRow> = conn.fetch_all(find).await?;
    let price = |price: i64| Price::parse(price).map_err(|error| corrupt(id, error));
    let prices = rows.iter().filter_map(|row| Some((row.seat.clone()?, row.seat_price?)));
    let prices = prices.map(|(seat, of_seat)| Ok((seat, price(of_seat)?))).collect::<Result<_, Error>>()?;
    let Some(row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let place_price = row.place_price.map(price).transpose()?;
    let movie_name = Name::stored(row.movie_name);
    let screening = Screening { id, movie_name, starts_at: time(id, row.starts_at)?, place_price };
    Ok(Some((screening, prices)))
}

#[derive(FromRow)]
struct ListedRow {
    id: i64,
    movie_name: String,
    theatre: String,
    starts_at: i64,
    ends_at: i64,
    hall: Option<String>,
    price: Option<i64>,
    capacity: i64,
    places_left: i64,
}

/// The screening `id`.
pub async fn find_listed(conn: &mut Conn, id: ScreeningId) -> Result<Option<Listed>, Error> {
    let find = query_as(concat!("SELECT ", listed_columns!("screenings"), " FROM screenings WHERE id = $1"))
        .bind(id.get());
    conn.fetch_optional(find).await?.map(listed).transpose()
}

/// Selects one page of the screenings that `$conditions` match, in the order of their start and then of their
/// id.
macro_rules! page_where {
    ($conditions:literal) => {
        concat!(
            "SELECT ",
            listed_columns!("page"),
            "
             FROM (SELECT * FROM screenings
                   WHERE starts_at >= $1 AND starts_at < $2 AND (starts_at, id) > ($3, $4)",
            $conditions,
            " ORDER BY starts_at, id LIMIT $5 OFFSET $6) AS page
             ORDER BY starts_at, id"
        )
    };
}

/// Returns the screenings of `slice` that `filter` matches, by their start, or `None` if no screening has the
/// id `slice.after`.
pub async fn page(conn: &mut Conn, filter: &Filter, slice: Slice) -> Result<Option<Page<Listed>>, Error> {
    let after = match slice.after {
        0 => i64::MIN,
        id => match conn.fetch_optional::<(i64,)>(start_of(id)).await? {
            Some((starts_at,)) => starts_at,
            None => return Ok(None),
        },
    };
    let from = filter.from.map_or(i64::MIN, Timestamp::as_microsecond);
    let to = filter.to.map_or(i64::MAX, Timestamp::as_microsecond);
    // One statement for each filter, as each has an index.
    let find = match &filter.movie_key {
        None => query_as(page_where!("")),
        Some(_) => query_as(page_where!(" AND movie_key = $7")),
    };
    let find = find
        .bind(from.max(after))
        .bind(to)
        .bind(after)
        .bind(slice.after)
        .bind(slice.limit())
        .bind(slice.offset);
    let rows: Vec<ListedRow> = conn.fetch_all(with_movie(find, filter)).await?;
    let count = match &filter.movie_key {
        None => query_as(
            "SELECT CAST(COUNT(*) AS BIGINT) FROM
                 (SELECT 1 FROM screenings WHERE starts_at >= $1 AND starts_at < $2 LIMIT $3) AS counted",
        ),
        Some(_) => query_as(
            "SELECT CAST(COUNT(*) AS BIGINT) FROM
                 (SELECT 1 FROM screenings WHERE starts_at >= $1 AND starts_at < $2 AND movie_key = $4 LIMIT $3) AS counted",
        ),
    };
    let count = count.bind(from).bind(to).bind(COUNT_LIMIT);
    let (counted,): (i64,) = conn.fetch_one(with_movie(count, filter)).await?;
    Page::new(rows, slice, counted, |row| row.id).try_map(listed).map(Some)
}

/// Counts the places of the screenings that begin from `from` until before `to`, and those of them that are taken.
pub async fn count_places(conn: &mut Conn, from: Timestamp, to: Timestamp) -> Result<(i64, i64), Error> {
    let count = query_as(concat!(
        "SELECT CAST(COALESCE(SUM(capacity), 0) AS BIGINT),
                CAST(COALESCE(SUM(capacity - places_left), 0) AS BIGINT)
         FROM (SELECT ",
        listed_columns!("screenings"),
        " FROM screenings WHERE starts_at >= $1 AND starts_at < $2) AS listed"
    ));
    conn.fetch_one(count.bind(from.as_microsecond()).bind(to.as_microsecond())).await
}

fn start_of(id: i64) -> QueryAs<'static, (i64,)> {
    query_as("SELECT starts_at FROM screenings WHERE id = $1").bind(id)
}

/// Binds the movie, the last parameter of a query that has one.
fn with_movie<'q, T>(query: QueryAs<'q, T>, filter: &Filter) -> QueryAs<'q, T> {
    match &filter.movie_key {
        Some(key) => query.bind(key.clone()),
        None => query,
    }
}

#[derive(FromRow)]
struct SeatRow {
    seat: String,
    row_name: String,
    row_number: i64,
    column_number: i64,
    kind: String,
    price_class: String,
    price: i64,
    status: Option<String>,
}

/// All seats of a screening, row by row; none in general admission.
pub async fn seats(conn: &mut Conn, screening: ScreeningId) -> Result<Vec<(Seat, SeatState)>, Error> {
    let find = query_as(
        "SELECT screening_seats.seat AS seat, row_name, row_number, column_number, kind, price_class, price,
             bookings.status AS status
         FROM screening_seats
         LEFT JOIN seat_claims ON seat_claims.place = $2 AND seat_claims.seat = screening_seats.seat
         LEFT JOIN bookings ON bookings.id = seat_claims.booking_id
         WHERE screening_seats.screening_id = $1
         ORDER BY row_number, column_number",
    )
    .bind(screening.get())
    .bind(format!("screening:{screening}"));
    let rows: Vec<SeatRow> = conn.fetch_all(find).await?;
    rows.into_iter().map(|row| seat(screening, row)).collect()
}

fn seat(screening: ScreeningId, row: SeatRow) -> Result<(Seat, SeatState), Error> {
    let state = match row.status.as_deref() {
        None => SeatState::Available,
        Some("PaymentPending") => SeatState::Held,
        Some(_) => SeatState::Sold,
    };
    let seat = Seat {
        name: row.seat,
        row: row.row_name,
        row_number: row.row_number,
        column_number: row.column_number,
        kind: row.kind.parse().map_err(|error| corrupt(screening, error))?,
        price_class: row.price_class,
        price: Price::parse(row.price).map_err(|error| corrupt(screening, error))?,
    };
    Ok((seat, state))
}

fn listed(row: ListedRow) -> Result<Listed, Error> {
    let id = parse(row.id)?;
    Ok(Listed {
        id,
        movie_name: row.movie_name,
        theatre: row.theatre,
        starts_at: time(id, row.starts_at)?,
        ends_at: time(id, row.ends_at)?,
        hall: row.hall,
        price: row.price,
        capacity: row.capacity,
        places_left: row.places_left,
    })
}

fn parse(id: i64) -> Result<ScreeningId, Error> {
    ScreeningId::new(id).map_err(|error| Error::corrupt("screenings", id, error))
}

fn time(id: ScreeningId, us: i64) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(us).map_err(|error| corrupt(id, error))
}

fn corrupt(id: ScreeningId, detail: impl Display) -> Error {
    Error::corrupt("screenings", id, detail.to_string())
}

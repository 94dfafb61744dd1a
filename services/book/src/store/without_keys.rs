//! Rows of versions in which names had no keys.

use events::text::stored_key;
use sqlx::FromRow;
use storage::{Error, MAX_VALUES, Tx, query, query_as, query_as_built, query_built};

/// A screening without keys.
#[derive(Clone, Debug, FromRow)]
pub struct Screening {
    pub id: i64,
    pub movie_name: String,
    pub theatre: String,
}

/// A booking without a key.
#[derive(Clone, Debug, FromRow)]
pub struct Booking {
    pub id: i64,
    pub movie_name: Option<String>,
    pub screening_id: Option<i64>,
}

/// A seat claimed by a booking.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Claim {
    pub place: String,
    pub seat: String,
    pub booking_id: i64,
}

/// Up to `limit` screenings without keys.
pub async fn screenings(tx: &mut Tx, limit: i64) -> Result<Vec<Screening>, Error> {
    let find = query_as(
        "SELECT id, movie_name, theatre FROM screenings WHERE movie_key IS NULL ORDER BY id LIMIT $1",
    );
    tx.fetch_all(find.bind(limit)).await
}

/// Sets the keys of a screening. Its theatre is its hall.
pub async fn key_screening(tx: &mut Tx, screening: &Screening) -> Result<(), Error> {
    let set = query("UPDATE screenings SET movie_key = $1, theatre_key = $2, hall_key = $2 WHERE id = $3")
        .bind(stored_key(&screening.movie_name))
        .bind(stored_key(&screening.theatre))
        .bind(screening.id);
    tx.execute(set).await?;
    Ok(())
}

/// The names of a screening's seats.
pub async fn seats(tx: &mut Tx, screening: i64) -> Result<Vec<String>, Error> {
    // A hall has 2,000 seats at most.
    let find = query_as("SELECT seat FROM screening_seats WHERE screening_id = $1");
    let rows: Vec<(String,)> = tx.fetch_all(find.bind(screening)).await?;
    Ok(rows.into_iter().map(|(seat,)| seat).collect())
}

/// Renames a seat of a screening. No other seat may have the name.
pub async fn rename_seat(tx: &mut Tx, screening: i64, seat: &str, name: &str) -> Result<(), Error> {
    let rename = query("UPDATE screening_seats SET seat = $1 WHERE screening_id = $2 AND seat = $3")
        .bind(name.to_owned())
        .bind(screening)
        .bind(seat.to_owned());
    tx.execute(rename).await?;
    Ok(())
}

/// Deletes a seat of a screening.
pub async fn delete_seat(tx: &mut Tx, screening: i64, seat: &str) -> Result<(), Error> {
    let delete = query("DELETE FROM screening_seats WHERE screening_id = $1 AND seat = $2");
    tx.execute(delete.bind(screening).bind(seat.to_owned())).await?;
    Ok(())
}

/// Up to `limit` bookings without a key, oldest first.
pub async fn bookings(tx: &mut Tx, limit: i64) -> Result<Vec<Booking>, Error> {
    let find = query_as(
        "SELECT id, movie_name, screening_id FROM bookings WHERE movie_key IS NULL ORDER BY id LIMIT $1",
    );
    tx.fetch_all(find.bind(limit)).await
}

/// Sets the keys of `bookings`.
pub async fn key_bookings(tx: &mut Tx, bookings: &[Booking]) -> Result<(), Error> {
    for some in bookings.chunks(MAX_VALUES / 2) {
        // `VALUES` names its columns alike on both products.
        let mut set = query_built(format!(
            "UPDATE bookings SET movie_key = keys.column2 FROM (VALUES {}) AS keys WHERE bookings.id = keys.column1",
            tx.values(some.len(), 2)
        ));
        for booking in some {
            set = set.bind(booking.id).bind(stored_key(booking.movie_name.as_deref().unwrap_or_default()));
        }
        tx.execute(set).await?;
    }
    Ok(())
}

/// The seats claimed by `bookings`, in the order of the bookings.
pub async fn claims(tx: &mut Tx, bookings: &[Booking]) -> Result<Vec<Claim>, Error> {
    let mut claims = Vec::new();
    for some in bookings.chunks(MAX_VALUES) {
        let mut find = query_as_built(format!(
            "SELECT place, seat, booking_id FROM seat_claims WHERE booking_id IN (VALUES {})
             ORDER BY booking_id, place, seat",
            tx.values(some.len(), 1)
        ));
        for booking in some {
            find = find.bind(booking.id);
        }
        claims.extend(tx.fetch_all::<Claim>(find).await?);
    }
    Ok(claims)
}

/// The booking that has claimed a seat.
pub async fn holder(tx: &mut Tx, place: &str, seat: &str) -> Result<Option<i64>, Error> {
    let find = query_as("SELECT booking_id FROM seat_claims WHERE place = $1 AND seat = $2");
    let holder: Option<(i64,)> = tx.fetch_optional(find.bind(place.to_owned()).bind(seat.to_owned())).await?;
    Ok(holder.map(|(booking,)| booking))
}

/// Adds a claim.
///
/// # Errors
///
/// When the seat is already claimed, or the database fails.
pub async fn insert_claim(tx: &mut Tx, claim: &Claim) -> Result<(), Error> {
    let insert = query("INSERT INTO seat_claims (place, seat, booking_id) VALUES ($1, $2, $3)")
        .bind(claim.place.clone())
        .bind(claim.seat.clone())
        .bind(claim.booking_id);
    tx.execute(insert).await?;
    Ok(())
}

/// Deletes a claim.
pub async fn delete_claim(tx: &mut Tx, place: &str, seat: &str) -> Result<(), Error> {
    let delete = query("DELETE FROM seat_claims WHERE place = $1 AND seat = $2");
    tx.execute(delete.bind(place.to_owned()).bind(seat.to_owned())).await?;
    Ok(())
}

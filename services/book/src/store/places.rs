//! Which booking has which place: seats in the table `seat_claims`, and the number of places left in general
//! admission.
//!
//! The database decides, without a check before: a seat is a unique row, and the number of places left never
//! falls below zero.

use events::text::stored_key;
use events::{BookingId, ScreeningId};
use storage::{Error, Tx, query, query_as_built};

use crate::domain::{Booking, Seats};

/// Returns the key of the showing to which a seat belongs (the column `place`): a screening, or a movie
/// without screenings, in any spelling.
pub fn showing_key(screening: Option<ScreeningId>, movie_name: Option<&str>) -> String {
    match screening {
        Some(screening) => format!("screening:{screening}"),
        None => format!("movie:{}", stored_key(movie_name.unwrap_or_default())),
    }
}

/// Claims `seats` for `booking`, and returns those that are already taken. If there are any, the transaction
/// must be rolled back.
pub async fn claim(tx: &mut Tx, booking: &Booking, seats: &Seats) -> Result<Vec<String>, Error> {
    let row = booking.row();
    let place = showing_key(row.screening_id, row.movie_name.as_deref());
    // In one order: otherwise two requests for the same seats might deadlock.
    let mut wanted: Vec<&String> = seats.names().iter().collect();
    wanted.sort_unstable();
    let insert = format!(
        "INSERT INTO seat_claims (place, seat, booking_id) VALUES {}
         ON CONFLICT (place, seat) DO NOTHING RETURNING seat",
        tx.values(wanted.len(), 3)
    );
    // There are only as many texts as a booking can have seats, so the server may cache them.
    let mut insert = query_as_built(insert).persistent(true);
    for seat in &wanted {
        insert = insert.bind(place.clone()).bind((*seat).clone()).bind(booking.id().get());
    }
    let claimed: Vec<(String,)> = tx.fetch_all(insert).await?;
    let is_taken = |seat: &&String| !claimed.iter().any(|(name,)| name == *seat);
    Ok(seats.names().iter().filter(is_taken).cloned().collect())
}

/// Takes `qty` places in general admission. Returns `false` if too few are left.
pub async fn take(tx: &mut Tx, screening: ScreeningId, qty: i64) -> Result<bool, Error> {
    let take =
        query("UPDATE screenings SET places_left = places_left - $1 WHERE id = $2 AND places_left >= $1")
            .bind(qty)
            .bind(screening.get());
    Ok(tx.execute(take).await? == 1)
}

/// Releases the places of a booking that has ended. Call it once, as general admission counts its places.
pub async fn release(tx: &mut Tx, booking: &Booking) -> Result<(), Error> {
    let row = booking.row();
    match (&row.seat, row.screening_id) {
        (Some(_), _) => release_seats(tx, row.id).await,
        (None, Some(screening)) => {
            // In a screening with seats, `places_left` is NULL and stays so.
            let give_back = query("UPDATE screenings SET places_left = places_left + $1 WHERE id = $2")
                .bind(row.qty)
                .bind(screening.get());
            tx.execute(give_back).await?;
            Ok(())
        }
        (None, None) => Ok(()),
    }
}

async fn release_seats(tx: &mut Tx, booking: BookingId) -> Result<(), Error> {
    tx.execute(query("DELETE FROM seat_claims WHERE booking_id = $1").bind(booking.get())).await?;
    Ok(())
}

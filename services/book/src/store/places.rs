//! Who has which place: seats in the table `seat_claims`, and in general admission how many are left.
//!
//! The database decides: a seat is a unique row, and what is left never falls below zero. Nobody looks first.

use events::text::stored_key;
use events::{BookingId, ScreeningId};
use storage::{Error, Tx, query, query_as_built};

use crate::domain::{Booking, Seats};

/// Where a seat is one and the same for all who want it: a screening, or a movie without screenings, in any spelling.
pub fn place(screening: Option<ScreeningId>, movie_name: Option<&str>) -> String {
    match screening {
        Some(screening) => format!("screening:{screening}"),
        None => format!("movie:{}", stored_key(movie_name.unwrap_or_default())),
    }
}

/// Takes `seats` for `booking`, and tells which of them others have. The transaction must not be committed if there are any.
///
/// # Errors
///
/// When the database fails.
pub async fn claim(tx: &mut Tx, booking: &Booking, seats: &Seats) -> Result<Vec<String>, Error> {
    let row = booking.row();
    let place = place(row.screening_id, row.movie_name.as_deref());
    // Two who want the same seats in another order would wait for each other.
    let mut wanted: Vec<&String> = seats.names().iter().collect();
    wanted.sort_unstable();
    let insert = format!(
        "INSERT INTO seat_claims (place, seat, booking_id) VALUES {}
         ON CONFLICT (place, seat) DO NOTHING RETURNING seat",
        tx.values(wanted.len(), 3)
    );
    // There are as many texts as a booking can have seats, so the server may remember them.
    let mut insert = query_as_built(insert).persistent(true);
    for seat in &wanted {
        insert = insert.bind(place.clone()).bind((*seat).clone()).bind(booking.id().get());
    }
    let claimed: Vec<(String,)> = tx.fetch_all(insert).await?;
    let is_taken = |seat: &&String| !claimed.iter().any(|(name,)| name == *seat);
    Ok(seats.names().iter().filter(is_taken).cloned().collect())
}

/// Takes `qty` places of a general admission. `false`: so many are not left.
///
/// # Errors
///
/// When the database fails.
pub async fn take(tx: &mut Tx, screening: ScreeningId, qty: i64) -> Result<bool, Error> {
    let take =
        query("UPDATE screenings SET places_left = places_left - $1 WHERE id = $2 AND places_left >= $1")
            .bind(qty)
            .bind(screening.get());
    Ok(tx.execute(take).await? == 1)
}

/// Frees the places of a booking that has just ended; once, as a general admission counts.
///
/// # Errors
///
/// When the database fails.
pub async fn release(tx: &mut Tx, booking: &Booking) -> Result<(), Error> {
    let row = booking.row();
    match (&row.seat, row.screening_id) {
        (Some(_), _) => free_seats(tx, row.id).await,
        (None, Some(screening)) => {
            // Seated screenings have no number of places, and stay as they are.
            let give_back = query("UPDATE screenings SET places_left = places_left + $1 WHERE id = $2")
                .bind(row.qty)
                .bind(screening.get());
            tx.execute(give_back).await?;
            Ok(())
        }
        (None, None) => Ok(()),
    }
}

async fn free_seats(tx: &mut Tx, booking: BookingId) -> Result<(), Error> {
    tx.execute(query("DELETE FROM seat_claims WHERE booking_id = $1").bind(booking.get())).await?;
    Ok(())
}

//! The programme, and who has which seat, as they are now.

use events::ScreeningId;
use storage::{Conn, Error};

use crate::domain::Seat;
use crate::store::screenings;

pub use crate::store::screenings::{Filter, Listed, SeatState};

/// The screening `id`, if there is one.
///
/// # Errors
///
/// When the database fails.
pub async fn find_screening(conn: &mut Conn, id: ScreeningId) -> Result<Option<Listed>, Error> {
    screenings::find_listed(conn, id).await
}

/// `limit` screenings of those that `filter` lets through, after the first `offset`, by their time, and how many there are
/// in all.
///
/// # Errors
///
/// When the database fails.
pub async fn list_screenings(
    conn: &mut Conn,
    filter: &Filter,
    offset: i64,
    limit: i64,
) -> Result<(Vec<Listed>, i64), Error> {
    screenings::page(conn, filter, offset, limit).await
}

/// All seats of the screening `id`, row by row; none in general admission.
///
/// # Errors
///
/// When the database fails.
pub async fn list_seats(conn: &mut Conn, id: ScreeningId) -> Result<Vec<(Seat, SeatState)>, Error> {
    screenings::seats(conn, id).await
}

//! The programme, and who has which seat, as they are now.

use events::ScreeningId;
use storage::{Conn, Error, Page, Slice};

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

/// The screenings of `slice` among those that `filter` lets through, by their time. `None`: no screening has the id
/// `slice.after`, so there is no place to read on from.
///
/// # Errors
///
/// When the database fails.
pub async fn list_screenings(
    conn: &mut Conn,
    filter: &Filter,
    slice: Slice,
) -> Result<Option<Page<Listed>>, Error> {
    screenings::page(conn, filter, slice).await
}

/// All seats of the screening `id`, row by row; none in general admission.
///
/// # Errors
///
/// When the database fails.
pub async fn list_seats(conn: &mut Conn, id: ScreeningId) -> Result<Vec<(Seat, SeatState)>, Error> {
    screenings::seats(conn, id).await
}

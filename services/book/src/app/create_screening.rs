//! Staff announce a screening.

use events::ScreeningId;
use storage::{Error, Tx};

use crate::domain::{Admission, Announcement};
use crate::store::screenings::{self, New};

/// Why a screening was not announced.
#[derive(Debug, thiserror::Error)]
pub enum CreateScreeningError {
    #[error("another screening is in that theatre at that time")]
    TheatreTaken,
    #[error(transparent)]
    Storage(#[from] Error),
}

/// Adds the screening of `announcement` with all its seats. `hall` is its layout as it is to be shown.
///
/// # Errors
///
/// When its theatre is taken at that time, or the database fails.
pub async fn create_screening(
    tx: &mut Tx,
    announcement: &Announcement,
    hall: Option<String>,
) -> Result<ScreeningId, CreateScreeningError> {
    let Announcement { movie_name, theatre, starts_at, admission } = announcement;
    let (places, seats) = match admission {
        Admission::General { capacity, price } => (Some((*capacity, *price)), [].as_slice()),
        Admission::Seated { seats, .. } => (None, seats.as_slice()),
    };
    let new = New { movie_name, theatre, starts_at: *starts_at, hall, places };
    let id = screenings::insert(tx, new).await?.ok_or(CreateScreeningError::TheatreTaken)?;
    screenings::insert_seats(tx, id, seats).await?;
    Ok(id)
}

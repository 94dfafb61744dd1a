//! Adds a screening that staff announce.

use jiff::SignedDuration;
use storage::{Error, Tx};

use super::Rules;
use crate::domain::{Admission, Announcement, Invalid, check_start};
use crate::store::halls;
use crate::store::screenings::{self, Listed, New};

pub use crate::store::halls::Showing;

/// Why a screening was not added.
#[derive(Debug, thiserror::Error)]
pub enum CreateScreeningError {
    #[error("invalid fields")]
    Invalid(Vec<Invalid>),
    /// With the other screening, if it is known.
    #[error("another screening is in that hall at that time")]
    TheatreTaken(Option<Showing>),
    #[error(transparent)]
    Storage(#[from] Error),
}

/// Adds the screening of `announcement` with all its seats. `hall` is its layout as JSON, for clients.
///
/// The hall is locked before it is checked: when two screenings are announced at once, the second check sees
/// the first screening.
///
/// # Errors
///
/// When it starts in the past or too far ahead, its hall is taken at that time, or the database fails.
pub async fn create_screening(
    tx: &mut Tx,
    announcement: &Announcement,
    hall: Option<String>,
    rules: &Rules,
) -> Result<Listed, CreateScreeningError> {
    let Announcement { movie_name, theatre, starts_at, ends_at, admission } = announcement;
    check_start(*starts_at, tx.now()).map_err(CreateScreeningError::Invalid)?;
    let turnover = SignedDuration::try_from(rules.turnover).unwrap_or(SignedDuration::MAX);
    halls::lock(tx, theatre).await?;
    if let Some(showing) = halls::find_overlapping(tx, theatre, *starts_at, *ends_at, turnover).await? {
        return Err(CreateScreeningError::TheatreTaken(Some(showing)));
    }
    let (places, seats) = match admission {
        Admission::General { capacity, price } => (Some((*capacity, *price)), [].as_slice()),
        Admission::Seated { seats, .. } => (None, seats.as_slice()),
    };
    let new = New { movie_name, theatre, starts_at: *starts_at, ends_at: *ends_at, hall, places };
    let id = screenings::insert(tx, new).await?.ok_or(CreateScreeningError::TheatreTaken(None))?;
    screenings::insert_seats(tx, id, seats).await?;
    let added = screenings::find_listed(tx, id).await?;
    Ok(added.ok_or_else(|| Error::corrupt("screenings", id, "missing after its insert"))?)
}

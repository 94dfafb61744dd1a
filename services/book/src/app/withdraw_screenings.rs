//! Screenings that nobody has booked can be taken back.

use storage::{Error, Tx};

use crate::store::halls;

/// Deletes the screenings of `movie` in `theatre` with the layout `hall` that have not ended and have no booking, not even a
/// canceled one. Returns how many those were. A booking that is being made meanwhile is not seen, so this is for the time
/// before the first request.
///
/// # Errors
///
/// When the database fails.
pub async fn withdraw_unsold(tx: &mut Tx, movie: &str, theatre: &str, hall: &str) -> Result<u64, Error> {
    halls::delete_unsold(tx, movie, theatre, hall).await
}

//! Withdraws screenings without bookings.

use storage::{Error, Tx};

use crate::store::halls;

/// Deletes the screenings of `movie` in `theatre` with the layout `hall` that have not ended and have no
/// booking, not even a canceled one, and returns their number. It does not see a booking that is being added,
/// so call it before the first request.
pub async fn withdraw_unsold(tx: &mut Tx, movie: &str, theatre: &str, hall: &str) -> Result<u64, Error> {
    halls::delete_unsold(tx, movie, theatre, hall).await
}

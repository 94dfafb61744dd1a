//! Waiting for what others do to a booking.

use std::time::Duration;

use service_kit::problem::Problem;
use tokio::time::{Instant, sleep, sleep_until};

use crate::AppState;
use crate::app::find_booking;
use crate::domain::Booking;

/// What is waited for may be done by another replica, so the booking is also looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The booking once `is_over`, or as it is when the wait is. No connection is held meanwhile. `None`: it is gone.
///
/// # Errors
///
/// When the database fails.
pub async fn wait_until(
    state: &AppState,
    mut booking: Booking,
    wait: Duration,
    is_over: impl Fn(&Booking) -> bool,
) -> Result<Option<Booking>, Problem> {
    let deadline = Instant::now() + wait;
    let mut applied = state.applied.clone();
    loop {
        applied.borrow_and_update();
        match find_booking(&mut state.db.read().await?, booking.id()).await? {
            Some(now) => booking = now,
            None => return Ok(None),
        }
        if is_over(&booking) || Instant::now() >= deadline {
            return Ok(Some(booking));
        }
        tokio::select! {
            _ = applied.changed() => {}
            () = sleep(LOOK_EVERY) => {}
            () = sleep_until(deadline) => {}
        }
    }
}

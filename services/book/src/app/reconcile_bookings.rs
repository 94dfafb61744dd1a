//! What the reconciler does to pending bookings: it expires holds, and inquires about attempts to pay without
//! an outcome.

use std::time::Duration;

use events::BookingId;
use jiff::Timestamp;
use storage::{Conn, Error, Tx};

use super::apply_change::apply_change;
use crate::domain::Booking;
use crate::store::bookings;

/// At most `limit` bookings whose hold has ended, the longest ended first.
pub async fn list_overdue(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<Vec<BookingId>, Error> {
    bookings::overdue(conn, now, limit).await
}

/// At most `limit` pending bookings about which an inquiry is due, the longest due first.
pub async fn list_due_inquiries(
    conn: &mut Conn,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<BookingId>, Error> {
    bookings::due_inquiries(conn, now, limit).await
}

/// Expires the booking `id` if its hold has still ended, and returns whether it did.
pub async fn expire_booking(tx: &mut Tx, id: BookingId) -> Result<bool, Error> {
    let Some(booking) = bookings::find_for_update(tx, id).await? else {
        return Ok(false);
    };
    let change = booking.expire(tx.now());
    let has_ended = change.releases;
    if has_ended {
        apply_change(tx, change).await?;
    }
    Ok(has_ended)
}

/// Begins an inquiry about the booking `id`, and schedules the next one. Returns `None` if the booking is
/// settled, or another replica has begun an inquiry.
pub async fn begin_inquiry(tx: &mut Tx, id: BookingId) -> Result<Option<Booking>, Error> {
    let booking = bookings::find_for_update(tx, id).await?;
    match booking.and_then(|booking| booking.begin_inquiry(tx.now())) {
        Some(change) => apply_change(tx, change).await.map(Some),
        None => Ok(None),
    }
}

/// Postpones what is due for the pending booking `id` by `pause`, without reading the booking.
pub async fn postpone(tx: &mut Tx, id: BookingId, pause: Duration) -> Result<(), Error> {
    let until = tx.now() + pause;
    bookings::postpone(tx, id, until).await
}

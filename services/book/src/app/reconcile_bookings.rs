//! Bookings that nobody waits for any more: those whose hold is over, and those of whose payment nothing was heard.

use std::time::Duration;

use events::BookingId;
use jiff::Timestamp;
use storage::{Conn, Error, Tx};

use super::apply_change::apply_change;
use crate::domain::Booking;
use crate::store::bookings;

/// At most `limit` bookings whose hold is over; the longest over first.
///
/// # Errors
///
/// When the database fails.
pub async fn list_overdue(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<Vec<BookingId>, Error> {
    bookings::overdue(conn, now, limit).await
}

/// At most `limit` pending bookings whose payment is to be looked after.
///
/// # Errors
///
/// When the database fails.
pub async fn list_unsettled(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<Vec<BookingId>, Error> {
    bookings::unsettled(conn, now, limit).await
}

/// Ends the booking `id` if its hold is still over, and tells whether it did.
///
/// # Errors
///
/// When the database fails.
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

/// Takes the booking `id` to see what became of its payment, and puts the next look off. `None`: it is settled, or another
/// process looks after it.
///
/// # Errors
///
/// When the database fails.
pub async fn take_unsettled(tx: &mut Tx, id: BookingId) -> Result<Option<Booking>, Error> {
    let booking = bookings::find_for_update(tx, id).await?;
    match booking.and_then(|booking| booking.look(tx.now())) {
        Some(change) => apply_change(tx, change).await.map(Some),
        None => Ok(None),
    }
}

/// Puts the next look at the pending booking `id` off for `pause`, without reading it.
///
/// # Errors
///
/// When the database fails.
pub async fn put_off(tx: &mut Tx, id: BookingId, pause: Duration) -> Result<(), Error> {
    let until = tx.now() + pause;
    bookings::put_off(tx, id, until).await
}

//! Bookings as they are now.

use events::{BookingId, CustomerId};
use storage::{Conn, Error};

use crate::domain::Booking;
use crate::store::bookings;

/// The booking `id`, if there is one.
///
/// # Errors
///
/// When the database fails.
pub async fn find_booking(conn: &mut Conn, id: BookingId) -> Result<Option<Booking>, Error> {
    bookings::find(conn, id).await
}

/// `limit` bookings, all or one customer's, after the first `offset`, oldest first, and how many there are in all.
///
/// # Errors
///
/// When the database fails.
pub async fn list_bookings(
    conn: &mut Conn,
    customer: Option<CustomerId>,
    offset: i64,
    limit: i64,
) -> Result<(Vec<Booking>, i64), Error> {
    match customer {
        Some(customer) => bookings::page_of(conn, customer, offset, limit).await,
        None => bookings::page(conn, offset, limit).await,
    }
}

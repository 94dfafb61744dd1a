//! Bookings as they are now.

use events::{BookingId, CustomerId};
use storage::{Conn, Error, Page, Slice};

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

/// The bookings of `slice`, all or one customer's, oldest first.
///
/// # Errors
///
/// When the database fails.
pub async fn list_bookings(
    conn: &mut Conn,
    customer: Option<CustomerId>,
    slice: Slice,
) -> Result<Page<Booking>, Error> {
    match customer {
        Some(customer) => bookings::page_of(conn, customer, slice).await,
        None => bookings::page(conn, slice).await,
    }
}

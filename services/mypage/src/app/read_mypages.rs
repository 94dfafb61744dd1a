//! Bookings as their customers see them now. What is not booked is not shown.

use events::{BookingId, CustomerId};
use storage::{Conn, Error, Page, Slice};

use crate::domain::Story;
use crate::store::stories;

/// The booking `id`, if there is one.
///
/// # Errors
///
/// When the database fails.
pub async fn find_mypage(conn: &mut Conn, id: BookingId) -> Result<Option<Story>, Error> {
    stories::find(conn, id).await
}

/// The bookings of `slice`, of `customer` or of everyone, oldest first.
///
/// # Errors
///
/// When the database fails.
pub async fn list_mypages(
    conn: &mut Conn,
    customer: Option<CustomerId>,
    slice: Slice,
) -> Result<Page<Story>, Error> {
    match customer {
        Some(customer) => stories::page_of(conn, customer, slice).await,
        None => stories::page(conn, slice).await,
    }
}

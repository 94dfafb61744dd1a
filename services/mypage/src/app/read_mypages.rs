//! Bookings as their customers see them now. What is not booked is not shown.

use events::{BookingId, CustomerId};
use storage::{Conn, Error};

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

/// `limit` bookings after the first `offset`, oldest first, and how many there are in all: of `customer`, or of
/// everyone.
///
/// # Errors
///
/// When the database fails.
pub async fn list_mypages(
    conn: &mut Conn,
    customer: Option<CustomerId>,
    offset: i64,
    limit: i64,
) -> Result<(Vec<Story>, i64), Error> {
    match customer {
        Some(customer) => stories::page_of(conn, customer, offset, limit).await,
        None => stories::page(conn, offset, limit).await,
    }
}

//! The ledger as it is now.

use events::{BookingId, CustomerId, PointId};
use storage::{Conn, Error, Page, Slice};

use crate::domain::Entry;
use crate::store::points;

/// The row `id`, if there is one.
///
/// # Errors
///
/// When the database fails.
pub async fn find_entry(conn: &mut Conn, id: PointId) -> Result<Option<Entry>, Error> {
    points::find(conn, id).await
}

/// The booking's rows, oldest first.
///
/// # Errors
///
/// When the database fails.
pub async fn list_entries_of(conn: &mut Conn, booking_id: BookingId) -> Result<Vec<Entry>, Error> {
    points::list_of(conn, booking_id).await
}

/// The rows of `slice`, of all or of one `customer`, oldest first.
///
/// # Errors
///
/// When the database fails.
pub async fn list_entries(
    conn: &mut Conn,
    customer: Option<CustomerId>,
    slice: Slice,
) -> Result<Page<Entry>, Error> {
    match customer {
        Some(customer) => points::page_of(conn, customer, slice).await,
        None => points::page(conn, slice).await,
    }
}

/// The points a customer has: 0 for one who is not in the ledger.
///
/// # Errors
///
/// When the database fails.
pub async fn balance(conn: &mut Conn, customer_id: CustomerId) -> Result<i64, Error> {
    points::balance(conn, customer_id).await
}

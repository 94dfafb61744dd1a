//! Tickets as they are now.

use events::{CustomerId, TicketId};
use jiff::Timestamp;
use storage::{Conn, Error, Page, Slice};

use crate::domain::Ticket;
use crate::store::tickets;

/// The ticket `id`, if there is one.
///
/// # Errors
///
/// When the database fails.
pub async fn find_ticket(conn: &mut Conn, id: TicketId) -> Result<Option<Ticket>, Error> {
    tickets::find(conn, id).await
}

/// The tickets of `slice`, of all or of one `customer`, in the order of their bookings.
///
/// # Errors
///
/// When the database fails.
pub async fn list_tickets(
    conn: &mut Conn,
    customer: Option<CustomerId>,
    slice: Slice,
) -> Result<Page<Ticket>, Error> {
    match customer {
        Some(customer) => tickets::page_of(conn, customer, slice).await,
        None => tickets::page(conn, slice).await,
    }
}

/// At most `limit` tickets that are `Printing` and of which nothing was heard since `before`; longest first.
///
/// # Errors
///
/// When the database fails.
pub async fn list_unfinished(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<Vec<TicketId>, Error> {
    tickets::unfinished(conn, before, limit).await
}

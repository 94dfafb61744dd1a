//! Issues the ticket of a paid booking.

use events::Booked;
use messaging::outbox;
use storage::{Error, Tx};

use crate::SERVICE;
use crate::domain::Ticket;
use crate::store::tickets;

/// Creates the ticket of `booked` and publishes `Created`: once per booking, and not if its cancellation was
/// faster.
pub async fn issue_ticket(tx: &mut Tx, booked: Booked) -> Result<(), Error> {
    let (ticket, created) = Ticket::issue(booked);
    if tickets::insert(tx, &ticket).await? {
        outbox::append(tx, SERVICE, created).await?;
    }
    Ok(())
}

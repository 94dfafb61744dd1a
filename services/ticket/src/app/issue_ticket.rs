//! A booking is paid: its ticket is made.

use events::Booked;
use messaging::outbox;
use storage::{Error, Tx};

use crate::SERVICE;
use crate::domain::Ticket;
use crate::store::tickets;

/// Makes the ticket of `booked` and tells of it; once, and not for a booking whose cancel came first.
pub async fn issue_ticket(tx: &mut Tx, booked: Booked) -> Result<(), Error> {
    let (ticket, created) = Ticket::issue(booked);
    if tickets::insert(tx, &ticket).await? {
        outbox::append(tx, SERVICE, created).await?;
    }
    Ok(())
}

//! Events of the other services: passes each one to its use case.

use events::Event;
use messaging::{Delivery, Failure, Handler};
use storage::Tx;

use crate::app;

/// Ticket's handler of the events in the topic.
#[derive(Clone, Copy, Debug)]
pub struct TicketEvents;

impl Handler for TicketEvents {
    const READS: &[&str] = &["Booked", "CancelRequested", "Canceled"];

    async fn handle(&self, tx: &mut Tx, delivery: Delivery) -> Result<(), Failure> {
        match delivery.event {
            Event::Booked(booked) => app::issue_ticket(tx, booked).await?,
            Event::CancelRequested(requested) => app::cancel_ticket(tx, requested.id).await?,
            Event::Canceled(canceled) => app::follow_cancel(tx, canceled.id).await?,
            other => {
                return Err(Failure::rejected(format!(
                    "this service does not handle {}",
                    other.event_type()
                )));
            }
        }
        Ok(())
    }
}

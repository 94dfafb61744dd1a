//! Events of the other services. Each one begins a cancellation, which the [refunder](crate::refunder)
//! completes.

use std::time::Duration;

use events::Event;
use messaging::{Delivery, Failure, Handler};
use storage::Tx;

use crate::app;

/// The handler of the events that payment consumes.
#[derive(Clone, Copy, Debug)]
pub struct PaymentEvents;

impl Handler for PaymentEvents {
    const READS: &[&str] = &["TicketCanceled", "HoldExpired"];

    async fn handle(&self, tx: &mut Tx, delivery: Delivery) -> Result<(), Failure> {
        match delivery.event {
            Event::TicketCanceled(canceled) => {
                app::begin_cancel_for_ticket(tx, canceled.booking_id).await?;
            }
            Event::HoldExpired(expired) => {
                app::begin_cancel(tx, expired.id, Duration::ZERO).await?;
            }
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

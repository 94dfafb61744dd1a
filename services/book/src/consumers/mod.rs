//! Door 2: events of the other services, each to its use case.

use events::Event;
use messaging::{Delivery, Failure, Handler};
use storage::Tx;

use crate::app;

/// What book does with the topic.
#[derive(Clone, Copy, Debug)]
pub struct BookingEvents;

impl Handler for BookingEvents {
    const READS: &[&str] = &["Paid", "PaymentCanceled", "CancelRejected", "Printed"];

    async fn handle(&self, tx: &mut Tx, delivery: Delivery) -> Result<(), Failure> {
        match delivery.event {
            Event::Paid(paid) => app::confirm_payment(tx, &paid).await?,
            Event::PaymentCanceled(canceled) => app::refund(tx, canceled.booking_id).await?,
            Event::CancelRejected(rejected) => app::reject_cancel(tx, rejected.booking_id).await?,
            Event::Printed(printed) => app::collect(tx, printed.booking_id).await?,
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

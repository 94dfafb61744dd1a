//! Events of the other services: passes them all to the use case that applies them.

use messaging::{BatchHandler, Delivery, Failure};
use storage::Tx;

use crate::app;

/// Mypage's handler of the events in the topic.
#[derive(Clone, Copy, Debug)]
pub struct BookingStory;

impl BatchHandler for BookingStory {
    const READS: &[&str] = &[
        "Held",
        "Booked",
        "Paid",
        "PaymentCanceled",
        "Canceled",
        "HoldExpired",
        "Created",
        "Printed",
        "WaitedPoint",
        "WrittenPoint",
    ];

    async fn handle_batch(&self, tx: &mut Tx, deliveries: &[Delivery]) -> Result<(), Failure> {
        app::apply_events(tx, deliveries).await?;
        Ok(())
    }
}

//! Door 2: events of the other services, all to the one use case that remembers them.

use messaging::{BatchHandler, Delivery, Failure};
use storage::Tx;

use crate::app;

/// What mypage does with the topic.
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
        app::remember_events(tx, deliveries).await?;
        Ok(())
    }
}

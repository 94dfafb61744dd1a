//! Door 2: events of the other services, all to the one use case that remembers them.

use messaging::{Delivery, Failure, Handler};
use storage::Tx;

use crate::app;

/// What mypage does with the topic.
#[derive(Clone, Copy, Debug)]
pub struct BookingStory;

impl Handler for BookingStory {
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

    async fn handle(&self, tx: &mut Tx, delivery: Delivery) -> Result<(), Failure> {
        self.handle_all(tx, &[delivery]).await
    }

    async fn handle_all(&self, tx: &mut Tx, deliveries: &[Delivery]) -> Result<(), Failure> {
        app::remember_events(tx, deliveries).await?;
        Ok(())
    }
}

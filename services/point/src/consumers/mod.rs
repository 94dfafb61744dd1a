//! Events of the other services: passes each one to its use case.

use events::Event;
use messaging::{Delivery, Failure, Handler};
use storage::Tx;

use crate::app;

/// Point's handler of the events in the topic.
#[derive(Clone, Copy, Debug)]
pub struct PointEvents;

impl Handler for PointEvents {
    const READS: &[&str] = &["Created"];

    async fn handle(&self, tx: &mut Tx, delivery: Delivery) -> Result<(), Failure> {
        match delivery.event {
            Event::Created(created) => app::append_waiting_row(tx, created).await?,
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

//! Where a record goes that no retry will help: the topic `movie.dlq`, as it was, with the reason beside it.

use events::{DEAD_LETTER_TOPIC, TOPIC};

use crate::transport::{Received, Record, Transport, TransportError};

/// Why and where a record failed.
pub struct DeadLetter<'a> {
    pub consumer: &'static str,
    pub reason: &'a str,
    pub attempts: u32,
}

impl DeadLetter<'_> {
    /// Puts `received` aside.
    ///
    /// # Errors
    ///
    /// When the transport fails; the record must not be committed then.
    pub async fn send(&self, transport: &dyn Transport, received: &Received) -> Result<(), TransportError> {
        let mut record: Record = received.record.clone();
        let position = received.position;
        for (name, value) in [
            ("dlq-reason", self.reason.to_owned()),
            ("dlq-consumer", self.consumer.to_owned()),
            ("dlq-topic", TOPIC.to_owned()),
            ("dlq-partition", position.partition.to_string()),
            ("dlq-offset", position.offset.to_string()),
            ("dlq-attempts", self.attempts.to_string()),
        ] {
            record.headers.push((name.to_owned(), value));
        }
        transport.publish(DEAD_LETTER_TOPIC, &[record]).await
    }
}

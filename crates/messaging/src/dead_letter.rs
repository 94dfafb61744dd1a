//! Where a record goes that no retry will help, and the way back.
//!
//! The topic `movie.dlq` has two kinds of records: letters, each a record as it was with the reason beside it; and marks,
//! each of which says that a letter was replayed. Whatever else is in there is passed over.
//!
//! - `letters`: what was put aside, and sending it again.

mod letters;

use event_log::{Received, Record, Transport, TransportError};
use events::headers::{self, Headers};
use events::{DEAD_LETTER_TOPIC, TOPIC};

pub use letters::{Letter, letters, replay};

/// Everything that is said of a record in here, and not by its writer, begins like this.
const PREFIX: &str = "dlq-";
const REASON: &str = "dlq-reason";
const CONSUMER: &str = "dlq-consumer";
const ORIGINAL_TOPIC: &str = "dlq-topic";
const PARTITION: &str = "dlq-partition";
const OFFSET: &str = "dlq-offset";
/// When the log took the record, in milliseconds since the epoch.
const APPENDED_AT: &str = "dlq-timestamp";
const ATTEMPTS: &str = "dlq-attempts";
/// On a record that was replayed: the consumer it is for. The others have applied it long ago.
const REPLAY_FOR: &str = "dlq-replay-for";
/// On a mark: `<partition>/<offset>` of the letter.
const REPLAYED: &str = "dlq-replayed";

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
        let Received { record, position, appended_at } = received;
        let mut record = Record { headers: without_ours(&record.headers), ..record.clone() };
        for (name, value) in [
            (REASON, self.reason.to_owned()),
            (CONSUMER, self.consumer.to_owned()),
            (ORIGINAL_TOPIC, TOPIC.to_owned()),
            (PARTITION, position.partition.to_string()),
            (OFFSET, position.offset.to_string()),
            (APPENDED_AT, appended_at.as_millisecond().to_string()),
            (ATTEMPTS, self.attempts.to_string()),
        ] {
            record.headers.push((name.to_owned(), value));
        }
        transport.publish(DEAD_LETTER_TOPIC, &[record]).await
    }
}

/// Whether `consumer` has to look at a record at all: a replayed one is for the one that failed.
pub(crate) fn concerns(headers: &Headers, consumer: &str) -> bool {
    headers::find(headers, REPLAY_FOR).is_none_or(|name| name == consumer)
}

/// As the writer of the record gave them.
fn without_ours(headers: &Headers) -> Headers {
    headers.iter().filter(|(name, _)| !name.starts_with(PREFIX)).cloned().collect()
}

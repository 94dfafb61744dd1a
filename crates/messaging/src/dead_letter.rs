//! Keeping records that no retry can apply, and replaying them.
//!
//! The topic of the dead letters, `<topic>.dlq`, has two kinds of records. A letter is the failed record with
//! the reason in its headers. A mark records that a letter was replayed. All other records are ignored.
//!
//! - `letters`: reads the letters and replays them.

mod letters;

use event_log::{Received, Record, Transport, TransportError};
use events::headers::{self, Headers};
use events::{DEAD_LETTER_TOPIC, TOPIC};

pub use letters::{Letter, letters, replay};

/// Prefix of the headers that are added here, rather than by the writer of the record.
const PREFIX: &str = "dlq-";
const REASON: &str = "dlq-reason";
const CONSUMER: &str = "dlq-consumer";
const ORIGINAL_TOPIC: &str = "dlq-topic";
const PARTITION: &str = "dlq-partition";
const OFFSET: &str = "dlq-offset";
/// The time at which the log appended the record, in milliseconds since the epoch.
const APPENDED_AT: &str = "dlq-timestamp";
const ATTEMPTS: &str = "dlq-attempts";
/// On a replayed record: the consumer that must apply it. The others have applied it before.
const REPLAY_FOR: &str = "dlq-replay-for";
/// On a mark: the letter's `<partition>/<offset>`.
const REPLAYED: &str = "dlq-replayed";

/// Which consumer could not apply a record, and why.
pub struct DeadLetter<'a> {
    pub consumer: &'static str,
    pub reason: &'a str,
    pub attempts: u32,
}

impl DeadLetter<'_> {
    /// Publishes `received` to the dead letters.
    ///
    /// # Errors
    ///
    /// When the transport fails. Then the record must not be committed.
    pub async fn publish(
        &self,
        transport: &dyn Transport,
        received: &Received,
    ) -> Result<(), TransportError> {
        let Received { record, position, appended_at } = received;
        let mut record = Record { headers: original_headers(&record.headers), ..record.clone() };
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

/// Whether a record is for `consumer`: a replayed record is only for the consumer that failed.
pub(crate) fn is_for(headers: &Headers, consumer: &str) -> bool {
    headers::find(headers, REPLAY_FOR).is_none_or(|name| name == consumer)
}

/// The headers that the writer of the record has set.
fn original_headers(headers: &Headers) -> Headers {
    headers.iter().filter(|(name, _)| !name.starts_with(PREFIX)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use events::asyncapi::ASYNCAPI;
    use serde_json::Value;

    use super::*;

    #[test]
    fn headers_of_letters_marks_and_replayed_events_are_described() {
        let description: Value = serde_json::from_str(ASYNCAPI).unwrap();
        let described = |message: &str| -> Vec<String> {
            let headers = &description["components"]["messages"][message]["headers"]["properties"];
            headers.as_object().unwrap().keys().filter(|name| name.starts_with(PREFIX)).cloned().collect()
        };
        let letter = [REASON, CONSUMER, ORIGINAL_TOPIC, PARTITION, OFFSET, APPENDED_AT, ATTEMPTS];
        assert_eq!(described("deadLetter"), letter);
        assert_eq!(described("replayed"), [REPLAYED]);
        for event_type in events::Event::TYPES {
            assert_eq!(described(event_type), [REPLAY_FOR], "{event_type}");
        }
    }
}

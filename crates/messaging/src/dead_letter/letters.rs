//! Reading the dead letters and replaying them.

use std::collections::BTreeSet;

use event_log::{Position, Received, Record, Transport, TransportError};
use events::headers::{self, Headers};
use events::{DEAD_LETTER_TOPIC, TOPIC};
use jiff::Timestamp;

use super::{
    APPENDED_AT, ATTEMPTS, CONSUMER, OFFSET, ORIGINAL_TOPIC, PARTITION, REASON, REPLAY_FOR, REPLAYED,
    original_headers,
};
use crate::inbox;

/// Records read at once.
const BATCH: usize = 1_000;
/// Letters published and then marked at once.
const REPLAY_BATCH: usize = 100;

/// A record that its consumer could not apply.
#[derive(Clone, Debug)]
pub struct Letter {
    /// The position of the letter itself.
    pub position: Position,
    /// The consumer that could not apply the record.
    pub consumer: String,
    pub reason: String,
    /// The topic of the record.
    pub topic: String,
    /// The position of the record in that topic.
    pub origin: Position,
    /// When the log appended the record there; letters of an earlier version do not contain it.
    pub appended_at: Option<Timestamp>,
    /// The number of attempts to apply the record.
    pub attempts: u32,
    /// The record as its writer published it.
    pub record: Record,
    /// Whether the letter was replayed. If that failed too, there is another letter.
    pub replayed: bool,
}

/// Reads all letters, oldest first.
///
/// # Errors
///
/// When the transport fails.
pub async fn letters(transport: &dyn Transport) -> Result<Vec<Letter>, TransportError> {
    let mut history = transport.history(DEAD_LETTER_TOPIC).await?;
    let mut letters = Vec::new();
    let mut replayed = BTreeSet::new();
    loop {
        let batch = history.next(BATCH).await?;
        if batch.is_empty() {
            break;
        }
        for received in batch {
            if let Some(position) = marked_letter(&received.record.headers) {
                replayed.insert(position);
            } else {
                letters.extend(Letter::read(received));
            }
        }
    }
    for letter in &mut letters {
        letter.replayed = replayed.contains(&letter.position);
    }
    Ok(letters)
}

/// Publishes the records of `letters` to the topic of the events again, each for the consumer that failed,
/// and marks the letters. Replaying a letter twice is harmless, because the consumer recognizes the record by
/// its id.
///
/// # Errors
///
/// When the transport fails. The last records may not have been published, and some letters before them not
/// marked.
pub async fn replay(transport: &dyn Transport, letters: &[Letter]) -> Result<(), TransportError> {
    for letters in letters.chunks(REPLAY_BATCH) {
        let records: Vec<_> = letters.iter().map(Letter::replayed_record).collect();
        transport.publish(TOPIC, &records).await?;
        // After a crash here, the letters are replayed once more.
        let marks: Vec<_> = letters.iter().map(Letter::mark).collect();
        transport.publish(DEAD_LETTER_TOPIC, &marks).await?;
    }
    Ok(())
}

impl Letter {
    fn read(received: Received) -> Option<Self> {
        let Received { record, position, .. } = received;
        let text = |name| headers::find(&record.headers, name);
        Some(Self {
            position,
            consumer: text(CONSUMER)?.to_owned(),
            reason: text(REASON)?.to_owned(),
            topic: text(ORIGINAL_TOPIC)?.to_owned(),
            origin: Position {
                partition: text(PARTITION)?.parse().ok()?,
                offset: text(OFFSET)?.parse().ok()?,
            },
            appended_at: text(APPENDED_AT)
                .and_then(|ms| ms.parse().ok())
                .and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            attempts: text(ATTEMPTS)?.parse().ok()?,
            replayed: false,
            record: Record { headers: original_headers(&record.headers), ..record },
        })
    }

    /// The record for the consumer that failed. It keeps the id under which inboxes know it, because it must
    /// not become another event at its new position.
    fn replayed_record(&self) -> Record {
        let mut record = self.record.clone();
        if headers::find(&record.headers, headers::ID).is_none() {
            let id = inbox::event_id(&record.headers, self.origin, self.appended_at);
            record.headers.push((headers::ID.to_owned(), id));
        }
        record.headers.push((REPLAY_FOR.to_owned(), self.consumer.clone()));
        record
    }

    fn mark(&self) -> Record {
        let Position { partition, offset } = self.position;
        let replayed = (REPLAYED.to_owned(), format!("{partition}/{offset}"));
        Record { key: self.record.key.clone(), payload: None, headers: vec![replayed] }
    }
}

/// The position of the letter that a mark refers to.
fn marked_letter(headers: &Headers) -> Option<Position> {
    let (partition, offset) = headers::find(headers, REPLAYED)?.split_once('/')?;
    Some(Position { partition: partition.parse().ok()?, offset: offset.parse().ok()? })
}

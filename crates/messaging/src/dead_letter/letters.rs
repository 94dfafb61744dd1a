//! What was put aside, and sending it again.

use std::collections::BTreeSet;

use event_log::{Position, Received, Record, Transport, TransportError};
use events::headers::{self, Headers};
use events::{DEAD_LETTER_TOPIC, TOPIC};
use jiff::Timestamp;

use super::{
    APPENDED_AT, ATTEMPTS, CONSUMER, OFFSET, ORIGINAL_TOPIC, PARTITION, REASON, REPLAY_FOR, REPLAYED,
    without_ours,
};
use crate::inbox;

/// Records read at once.
const BATCH: usize = 1_000;
/// Letters sent at once, and then marked.
const REPLAY_BATCH: usize = 100;

/// A record that was put aside.
#[derive(Clone, Debug)]
pub struct Letter {
    /// In the topic of the dead letters.
    pub position: Position,
    /// Who put it aside, and why.
    pub consumer: String,
    pub reason: String,
    /// Where it was read.
    pub topic: String,
    pub origin: Position,
    /// When the log took it there; letters of an earlier version do not say.
    pub appended_at: Option<Timestamp>,
    /// How often it was tried.
    pub attempts: u32,
    /// As it was.
    pub record: Record,
    /// It was sent again since. If that failed too, there is another letter.
    pub replayed: bool,
}

/// All letters, in the order in which they came.
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
            if let Some(position) = settled_by(&received.record.headers) {
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

/// Sends `letters` to the topic of the events again, each for the consumer that put it aside, and marks them. Who has
/// applied one of them meanwhile knows it by its id: to replay twice does nothing twice.
///
/// # Errors
///
/// When the transport fails. Those at the end may not have been sent, and some before them not marked.
pub async fn replay(transport: &dyn Transport, letters: &[Letter]) -> Result<(), TransportError> {
    for letters in letters.chunks(REPLAY_BATCH) {
        let records: Vec<_> = letters.iter().map(Letter::again).collect();
        transport.publish(TOPIC, &records).await?;
        // A crash here, and they are replayed once more.
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
            record: Record { headers: without_ours(&record.headers), ..record },
        })
    }

    /// The record as it was, for the one consumer, and under the id that its consumers know it by: at its new place, it
    /// must not become another event.
    fn again(&self) -> Record {
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

/// The letter that a mark is about.
fn settled_by(headers: &Headers) -> Option<Position> {
    let (partition, offset) = headers::find(headers, REPLAYED)?.split_once('/')?;
    Some(Position { partition: partition.parse().ok()?, offset: offset.parse().ok()? })
}

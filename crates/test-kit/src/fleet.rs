//! Delivers events to a service, and reads the events that it publishes.

use std::sync::Arc;

use event_log::{Position, Received, Record, Transport};
use events::{DEAD_LETTER_TOPIC, Event, decode, encode, headers};
use jiff::Timestamp;
use messaging::{BatchHandler, Consumer, Failure, Relay};
use storage::{Db, query_as};
use uuid::Uuid;

/// Returns `event` as the relay of its writer would send it, with a new id.
pub fn record(event: &Event) -> Received {
    let at: Timestamp = "2021-02-23T13:32:28Z".parse().unwrap();
    let id = Uuid::now_v7().to_string();
    Received {
        record: Record {
            key: Some(event.booking_id().to_string()),
            payload: Some(encode(event, at).into_bytes()),
            headers: headers::headers(event, &id, "test", at, None),
        },
        position: Position { partition: 0, offset: 1 },
        appended_at: at,
    }
}

/// Delivers `event` once, with a new id.
///
/// # Errors
///
/// If the handler rejects it.
pub async fn deliver<H: BatchHandler>(
    consumer: &Consumer<H>,
    event: impl Into<Event>,
) -> Result<(), Failure> {
    consumer.apply_together(&[record(&event.into())]).await
}

/// Returns all events in the service's outbox, sent or not, the oldest first.
pub async fn outbox(db: &Db) -> Vec<Event> {
    let rows: Vec<(String,)> = db
        .read()
        .await
        .unwrap()
        .fetch_all(query_as("SELECT payload FROM outbox ORDER BY seq"))
        .await
        .unwrap();
    rows.iter().map(|(payload,)| decode(payload.as_bytes()).unwrap().event.unwrap()).collect()
}

/// Returns the names of the events in the service's outbox.
pub async fn outbox_types(db: &Db) -> Vec<&'static str> {
    outbox(db).await.iter().map(Event::event_type).collect()
}

/// Asserts that the outbox drains and there are no dead letters. Each test of a service ends with this.
pub async fn assert_settled(db: &Db, transport: &Arc<dyn Transport>) {
    let relay = Relay::new(db.clone(), transport.clone());
    relay.drain().await.unwrap();
    assert_eq!(relay.drain().await.unwrap(), 0, "unsent events in the outbox");
    let letters = dead_letters(transport).await;
    assert!(letters.is_empty(), "dead letters: {letters:?}");
}

/// Returns all dead letters. Publishes a mark after them, so that reading ends there.
pub async fn dead_letters(transport: &Arc<dyn Transport>) -> Vec<Record> {
    const MARK: &str = "end of the dead letters";
    let mark = Record { key: Some(MARK.to_owned()), payload: None, headers: Vec::new() };
    transport.publish(DEAD_LETTER_TOPIC, &[mark]).await.unwrap();
    let group = Uuid::now_v7().to_string();
    let mut letters = transport.subscribe(DEAD_LETTER_TOPIC, &group).await.unwrap();
    let mut found = Vec::new();
    loop {
        for received in letters.receive(100).await.unwrap() {
            if received.record.key.as_deref() == Some(MARK) {
                return found;
            }
            found.push(received.record);
        }
    }
}

//! Events delivered by hand, and what a service said in return.

use std::sync::Arc;

use event_log::{Position, Received, Record, Transport};
use events::{DEAD_LETTER_TOPIC, Event, decode, encode, headers};
use jiff::Timestamp;
use messaging::{BatchHandler, Consumer, Failure, Relay};
use storage::{Db, query_as};
use uuid::Uuid;

/// `event` as its writer's relay would send it, under an id of its own.
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

/// Delivers `event` once, as a new one.
///
/// # Errors
///
/// When the handler refuses it.
pub async fn deliver<H: BatchHandler>(
    consumer: &Consumer<H>,
    event: impl Into<Event>,
) -> Result<(), Failure> {
    consumer.apply_together(&[record(&event.into())]).await
}

/// All events in the service's outbox, oldest first, sent or not.
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

/// The names of the events in the service's outbox.
pub async fn outbox_types(db: &Db) -> Vec<&'static str> {
    outbox(db).await.iter().map(Event::event_type).collect()
}

/// How each test of a service ends: the outbox drains, and the dead letters are empty.
pub async fn assert_settled(db: &Db, transport: &Arc<dyn Transport>) {
    let relay = Relay::new(db.clone(), transport.clone());
    relay.drain().await.unwrap();
    assert_eq!(relay.drain().await.unwrap(), 0, "events left in the outbox");
    let letters = dead_letters(transport).await;
    assert!(letters.is_empty(), "dead letters: {letters:?}");
}

/// All dead letters. A mark of our own is put behind them, so that there is always something to wait for.
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

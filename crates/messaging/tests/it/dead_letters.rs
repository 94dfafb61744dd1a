//! Dead letters and their replay.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_log::{Received, Record, Transport};
use events::{DEAD_LETTER_TOPIC, TOPIC, headers};
use messaging::dead_letter::{Letter, letters, replay};
use messaging::{Consumer, Delivery, Failure, Handler};
use storage::{Db, Tx, query};
use tokio_util::sync::CancellationToken;

use crate::consumer::{POISON, event, seen, seen_table};
use crate::log::{Files, on_both_transports};
use crate::records::read_all;

on_both_transports!(
    letter_has_consumer_reason_and_record,
    replayed_letter_is_applied_once_by_its_consumer_only,
    replay_keeps_the_id_of_an_event_without_one,
    failed_replay_is_a_new_letter,
    replay_without_letters_publishes_nothing,
);

/// Records the booking of each event, and rejects one of them until it is fixed.
#[derive(Clone, Default)]
struct Clerk {
    fixed: Arc<AtomicBool>,
}

impl Handler for Clerk {
    const READS: &[&str] = &["Canceled"];

    async fn handle(&self, tx: &mut Tx, delivery: Delivery) -> Result<(), Failure> {
        let id = delivery.event.booking_id().get();
        if id == POISON && !self.fixed.load(Ordering::SeqCst) {
            return Err(Failure::rejected("a rule forbids it"));
        }
        tx.execute(query("INSERT INTO seen (booking) VALUES ($1)").bind(id)).await?;
        Ok(())
    }
}

/// A consumer with its own database on a shared log.
struct Reader {
    name: &'static str,
    db: Db,
    transport: Arc<dyn Transport>,
    clerk: Clerk,
    _own: Files,
}

impl Reader {
    async fn new(name: &'static str, log: &Files) -> Self {
        let own = Files::embedded();
        let db = own.db(&seen_table()).await;
        Self { name, db, transport: log.transport().await, clerk: Clerk::default(), _own: own }
    }

    fn fix(&self) {
        self.clerk.fixed.store(true, Ordering::SeqCst);
    }

    /// Publishes `records`, and consumes until the booking `last` is recorded.
    async fn reads(&self, records: &[Record], last: i64) -> Vec<i64> {
        self.transport.publish(TOPIC, records).await.unwrap();
        self.reads_to(last).await
    }

    async fn reads_to(&self, last: i64) -> Vec<i64> {
        let consumer = Consumer::new(self.name, self.db.clone(), self.transport.clone(), self.clerk.clone());
        let mut applied = consumer.applied();
        let stop = CancellationToken::new();
        let running = tokio::spawn(consumer.run(stop.clone()));
        while seen(&self.db).await.last() != Some(&last) {
            applied.changed().await.unwrap();
        }
        stop.cancel();
        running.await.unwrap();
        seen(&self.db).await
    }

    async fn letters(&self) -> Vec<Letter> {
        letters(self.transport.as_ref()).await.unwrap()
    }

    async fn events(&self) -> Vec<Received> {
        read_all(self.transport.history(TOPIC).await.unwrap().as_mut(), 10).await
    }
}

fn poison() -> Record {
    event(POISON, "p")
}

async fn letter_has_consumer_reason_and_record(files: Files) {
    let reader = Reader::new("test", &files).await;
    // Other programs may write to the topic too.
    let foreign = Record { key: None, payload: Some(b"x".to_vec()), headers: Vec::new() };
    reader.transport.publish(DEAD_LETTER_TOPIC, &[foreign]).await.unwrap();
    assert_eq!(reader.reads(&[event(1, "a"), poison(), event(2, "b")], 2).await, [1, 2]);
    let letters = reader.letters().await;
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((letter.consumer.as_str(), letter.reason.as_str()), ("test", "a rule forbids it"));
    assert_eq!((letter.attempts, letter.replayed), (1, false));
    assert_eq!(letter.record, poison());
    assert_eq!(letter.topic, TOPIC);
    let refused = reader.events().await.into_iter().find(|received| received.record == poison());
    assert_eq!(letter.origin, refused.unwrap().position);
}

async fn replayed_letter_is_applied_once_by_its_consumer_only(files: Files) {
    let (reader, other) = (Reader::new("test", &files).await, Reader::new("other", &files).await);
    other.fix();
    reader.reads(&[event(1, "a"), poison(), event(2, "b")], 2).await;
    // It has applied the event and its inbox has forgotten it, so only the header keeps it from applying the
    // event again.
    assert_eq!(other.reads_to(2).await, [1, POISON, 2]);
    let mut tx = other.db.begin().await.unwrap();
    tx.execute(query("DELETE FROM inbox")).await.unwrap();
    tx.commit().await.unwrap();

    let found = reader.letters().await;
    reader.fix();
    // Twice, as after a crash before the mark, or by two operators.
    replay(reader.transport.as_ref(), &found).await.unwrap();
    replay(reader.transport.as_ref(), &found).await.unwrap();
    assert_eq!(reader.reads(&[event(3, "c")], 3).await, [1, 2, POISON, 3]);
    assert_eq!(other.reads_to(3).await, [1, POISON, 2, 3]);

    let found = reader.letters().await;
    assert_eq!(found.iter().map(|letter| letter.replayed).collect::<Vec<_>>(), [true]);
    let records = reader.events().await;
    let replayed: Vec<_> =
        records.iter().filter(|received| received.record.payload == poison().payload).collect();
    assert_eq!(replayed.len(), 3);
    for received in &replayed[1..] {
        let mut expected = poison();
        expected.headers.push(("dlq-replay-for".to_owned(), "test".to_owned()));
        assert_eq!(received.record, expected);
    }
}

async fn replay_keeps_the_id_of_an_event_without_one(files: Files) {
    let reader = Reader::new("test", &files).await;
    let mut java = poison();
    java.headers.clear();
    reader.reads(&[java, event(1, "a")], 1).await;
    let found = reader.letters().await;
    reader.fix();
    replay(reader.transport.as_ref(), &found).await.unwrap();
    replay(reader.transport.as_ref(), &found).await.unwrap();
    assert_eq!(reader.reads(&[event(2, "b")], 2).await, [1, POISON, 2]);
    let records = reader.events().await;
    let [original, replayed, _] =
        records.iter().filter(|received| received.record.payload == poison().payload).collect::<Vec<_>>()[..]
    else {
        panic!("{records:?}")
    };
    let (place, at) = (original.position, original.appended_at.as_millisecond());
    let id = headers::find(&replayed.record.headers, headers::ID).unwrap();
    assert_eq!(id, format!("{TOPIC}/{}/{}@{at}", place.partition, place.offset));
}

async fn failed_replay_is_a_new_letter(files: Files) {
    let reader = Reader::new("test", &files).await;
    reader.reads(&[poison(), event(1, "a")], 1).await;
    replay(reader.transport.as_ref(), &reader.letters().await).await.unwrap();
    reader.reads(&[event(2, "b")], 2).await;
    let found = reader.letters().await;
    assert_eq!(found.iter().map(|letter| letter.replayed).collect::<Vec<_>>(), [true, false]);
    assert_eq!(found[1].record, poison(), "as its writer published it");
    assert!(found[0].origin != found[1].origin);

    reader.fix();
    replay(reader.transport.as_ref(), &found[1..]).await.unwrap();
    assert_eq!(reader.reads(&[event(3, "c")], 3).await, [1, 2, POISON, 3]);
    assert!(reader.letters().await.iter().all(|letter| letter.replayed));
}

async fn replay_without_letters_publishes_nothing(files: Files) {
    let transport = files.transport().await;
    let found = letters(transport.as_ref()).await.unwrap();
    assert!(found.is_empty());
    replay(transport.as_ref(), &found).await.unwrap();
    assert_eq!(transport.history(TOPIC).await.unwrap().total(), 0);
}

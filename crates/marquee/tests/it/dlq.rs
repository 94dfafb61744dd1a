//! A record that a service cannot apply becomes a dead letter with its reason, while later records are
//! applied; it is replayed after the cause was repaired. Each of the five consumers fails at a corrupt row.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use event_log::Record;
use events::{DEAD_LETTER_TOPIC, TOPIC};
use marquee::fleet::Process;
use marquee::metrics_text::metric;
use marquee::rest::difference;
use messaging::dead_letter::{Letter, letters, replay};
use reqwest::Method;
use serde_json::{Value, json};
use storage::query;

use crate::fleet::{Fleet, marquee, run};
use crate::wait::until;

const CONSUMERS: [Process; 5] =
    [Process::Book, Process::Payment, Process::Mypage, Process::Ticket, Process::Point];

#[tokio::test(flavor = "multi_thread")]
async fn event_for_a_corrupt_booking_is_replayed() {
    let fleet = Fleet::up().await;
    let booking = book(&fleet).await;
    change(&fleet, Process::Book, "UPDATE bookings SET status = 'Spoiled' WHERE id = $1", booking).await;
    collect(&fleet, booking).await;
    are_dead_letters(&fleet, Process::Book, &["Printed"], "row bookings 1 is corrupt").await;
    book(&fleet).await;

    change(&fleet, Process::Book, "UPDATE bookings SET status = 'PaidComplete' WHERE id = $1", booking).await;
    replayed(&fleet, Process::Book, 1).await;
    let collected =
        async || shows(&fleet, &format!("/books/{booking}"), json!({ "status": "PrintComplete" })).await;
    collected().await;
    replaying_again_changes_nothing(&fleet, booking).await;
    collected().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn event_for_a_corrupt_payment_is_replayed() {
    let fleet = Fleet::up().await;
    let booking = book(&fleet).await;
    let spoil = "UPDATE payments SET status = 'Spoiled' WHERE booking_id = $1";
    change(&fleet, Process::Payment, spoil, booking).await;
    cancel(&fleet, booking).await;
    are_dead_letters(&fleet, Process::Payment, &["TicketCanceled"], "row payments 1 is corrupt").await;
    book(&fleet).await;

    change(&fleet, Process::Payment, "UPDATE payments SET status = 'Paid' WHERE booking_id = $1", booking)
        .await;
    replayed(&fleet, Process::Payment, 1).await;
    canceled_once(&fleet, booking).await;
    replaying_again_changes_nothing(&fleet, booking).await;
    canceled_once(&fleet, booking).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn event_for_a_corrupt_ticket_is_replayed() {
    let fleet = Fleet::up().await;
    let booking = book(&fleet).await;
    change(&fleet, Process::Ticket, "UPDATE tickets SET status = 'Spoiled' WHERE booking_id = $1", booking)
        .await;
    cancel(&fleet, booking).await;
    are_dead_letters(&fleet, Process::Ticket, &["CancelRequested"], "row tickets 1 is corrupt").await;
    book(&fleet).await;

    change(&fleet, Process::Ticket, "UPDATE tickets SET status = 'Waiting' WHERE booking_id = $1", booking)
        .await;
    replayed(&fleet, Process::Ticket, 1).await;
    canceled_once(&fleet, booking).await;
    replaying_again_changes_nothing(&fleet, booking).await;
    canceled_once(&fleet, booking).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn event_for_a_corrupt_ledger_is_replayed() {
    let fleet = Fleet::up().await;
    // A row with an invalid customer, for the booking that comes next.
    let booking = book(&fleet).await + 1;
    let spoil = "INSERT INTO points (booking_id, customer_id, score, status, created_at)
                 VALUES ($1, -1, 100, 'Pointed', 0)";
    change(&fleet, Process::Point, spoil, booking).await;
    assert_eq!(order(&fleet).await, booking);
    are_dead_letters(&fleet, Process::Point, &["Created"], "is corrupt").await;
    book(&fleet).await;

    change(&fleet, Process::Point, "DELETE FROM points WHERE booking_id = $1", booking).await;
    replayed(&fleet, Process::Point, 1).await;
    everywhere(&fleet, booking).await;
    replaying_again_changes_nothing(&fleet, booking).await;
    everywhere(&fleet, booking).await;
    assert_eq!(on_the_topic(&fleet, booking).await["WaitedPoint"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn event_for_a_corrupt_mypage_row_is_replayed() {
    let fleet = Fleet::up().await;
    let booking = book(&fleet).await;
    let spoil = "UPDATE mypages SET status = 'Spoiled' WHERE booking_id = $1";
    change(&fleet, Process::Mypage, spoil, booking).await;
    collect(&fleet, booking).await;
    let events = ["Printed", "WrittenPoint"];
    are_dead_letters(&fleet, Process::Mypage, &events, "row mypages 1 is corrupt").await;
    book(&fleet).await;

    change(&fleet, Process::Mypage, "UPDATE mypages SET status = 'Booked' WHERE booking_id = $1", booking)
        .await;
    replayed(&fleet, Process::Mypage, 2).await;
    mypage_has(&fleet, booking, json!({ "status": "Printed", "score": 100 }), 6).await;
    replaying_again_changes_nothing(&fleet, booking).await;
    mypage_has(&fleet, booking, json!({ "status": "Printed", "score": 100 }), 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn record_that_is_not_an_event_becomes_a_dead_letter_of_each_consumer() {
    let fleet = Fleet::up().await;
    publish(&fleet, "1", "not json").await;
    all_are_dead_letters(&fleet, "not json", 5).await;
    for process in CONSUMERS {
        counts(&fleet, process, 1).await;
    }
    let booking = book(&fleet).await;
    assert_eq!(booking, 1);

    let (code, printed) = fleet.dlq(&["replay"]).await;
    assert_eq!((code, printed.lines().count()), (0, 6), "{printed}");
    // Each letter fails again at its own consumer.
    all_are_dead_letters(&fleet, "not json", 10).await;
    publish(&fleet, "1", "not json either").await;
    all_are_dead_letters(&fleet, "not json either", 5).await;
    all_are_dead_letters(&fleet, "not json", 10).await;
    assert_eq!(open(&fleet).await.len(), 10, "five of each");
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_listed_shown_and_replayed_and_unknown_names_refused() {
    let fleet = Fleet::up().await;
    let (code, printed) = fleet.dlq(&["list"]).await;
    assert_eq!((code, printed.as_str()), (0, "no dead letters\n"));
    assert_eq!(fleet.dlq(&["list", "--json"]).await, (0, "[]\n".to_owned()));
    assert_eq!(fleet.dlq(&["replay"]).await, (0, "no dead letters to replay\n".to_owned()));

    publish(&fleet, "77", r#"{"eventType":"Paid","bookingId":"x"}"#).await;
    until("the dead letters of book and mypage", async || {
        let open = open(&fleet).await;
        if open.len() == 2 { Ok(()) } else { Err(format!("{open:?}")) }
    })
    .await;
    let (code, printed) = fleet.dlq(&["list", "--consumer", "book"]).await;
    assert_eq!((code, printed.lines().count()), (0, 2), "{printed}");
    let row = printed.lines().nth(1).unwrap();
    assert!(row.contains("  book ") && row.contains("  Paid ") && row.contains("  77 "), "{row}");
    let (_, printed) = fleet.dlq(&["list", "--json"]).await;
    let listed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let name = row.split(' ').next().unwrap();

    let (code, printed) = fleet.dlq(&["show", name]).await;
    assert_eq!(code, 0, "{printed}");
    for line in [
        "consumer  book",
        "reason    Paid cannot be read: must be a whole number, not \"x\"",
        "key       77",
        "header    from: elsewhere",
        "    \"bookingId\": \"x\"",
    ] {
        assert!(printed.lines().any(|shown| shown == line), "{line}: {printed}");
    }

    let (code, printed) = fleet.dlq(&["replay", name]).await;
    assert!(code == 0 && printed.contains(&format!("replayed {name} for book: Paid")), "{printed}");
    let (code, printed) = fleet.dlq(&["replay", name]).await;
    assert_eq!((code, printed), (0, format!("{name} was replayed before\n")));

    for (args, expected, says) in [
        (["show", "0-987654"], 1, "there is no dead letter 0-987654"),
        (["replay", "0-987654"], 1, "there is no dead letter 0-987654"),
        (["show", "seventeen"], 64, "two numbers with a dash"),
        (["list", "--consumer=gateway"], 64, "possible values: book, payment, mypage, ticket, point"),
    ] {
        let (code, printed) = fleet.dlq(&args).await;
        assert!(code == expected && printed.contains(says), "{args:?}: {code}: {printed}");
    }
}

#[tokio::test]
async fn missing_event_log_is_reported_and_not_created() {
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = directory.path().join("elsewhere");
    let (code, printed) = run(marquee(["dlq", "list", "--data-dir", elsewhere.to_str().unwrap()])).await;
    assert_eq!(code, 1);
    assert!(printed.contains("there is no event log in ") && printed.contains("--data-dir"), "{printed}");
    assert!(!elsewhere.exists());

    let began = Instant::now();
    let (code, printed) = run(marquee(["dlq", "list", "--events-url", "kafka://127.0.0.1:1/movie"])).await;
    assert_eq!(code, 1);
    assert!(
        printed.starts_with("marquee: cannot read the event log kafka://127.0.0.1:1/movie: "),
        "{printed}"
    );
    assert!(began.elapsed() < Duration::from_secs(60));
}

/// Makes a booking, and waits until every service has processed it.
async fn book(fleet: &Fleet) -> i64 {
    let booking = order(fleet).await;
    everywhere(fleet, booking).await;
    booking
}

async fn order(fleet: &Fleet) -> i64 {
    let order = json!({ "movieName": "soul", "qty": 2, "totalPrice": 10000, "customerId": 33 });
    let answer = fleet.rest.send(Method::POST, "/books", Some(&order)).await.unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["id"].as_i64().unwrap()
}

async fn everywhere(fleet: &Fleet, booking: i64) {
    shows(fleet, &format!("/books/{booking}"), json!({ "status": "PaidComplete" })).await;
    shows(fleet, &of(booking, "payments"), only("payments", json!({ "status": "Paid" }))).await;
    shows(fleet, &format!("/tickets/{booking}"), json!({ "status": "Waiting" })).await;
    shows(fleet, &of(booking, "points"), only("points", json!({ "score": 0, "status": "Waiting Point" })))
        .await;
    mypage_has(fleet, booking, json!({ "status": "Booked", "score": 0, "ticketId": booking }), 4).await;
}

async fn mypage_has(fleet: &Fleet, booking: i64, mut expected: Value, events: usize) {
    expected["timeline"] = vec![json!({}); events].into();
    shows(fleet, &format!("/mypages/{booking}"), expected).await;
}

async fn collect(fleet: &Fleet, booking: i64) {
    let printed = json!({ "status": "Printed" });
    let answer =
        fleet.rest.send(Method::PATCH, &format!("/tickets/{booking}"), Some(&printed)).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Requests a cancellation, which is answered before it completes.
async fn cancel(fleet: &Fleet, booking: i64) {
    let answer = fleet.rest.send(Method::DELETE, &format!("/books/{booking}"), None).await.unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
}

async fn canceled_once(fleet: &Fleet, booking: i64) {
    shows(fleet, &format!("/books/{booking}"), json!({ "status": "Canceled" })).await;
    shows(fleet, &of(booking, "payments"), only("payments", json!({ "status": "Canceled" }))).await;
    shows(fleet, &format!("/tickets/{booking}"), json!({ "status": "Canceled" })).await;
    shows(fleet, &format!("/mypages/{booking}"), json!({ "status": "Canceled" })).await;
    let events = on_the_topic(fleet, booking).await;
    for event in ["CancelRequested", "TicketCanceled", "PaymentCanceled", "Canceled"] {
        assert_eq!(events.get(event), Some(&1), "{event}: {events:?}");
    }
}

async fn shows(fleet: &Fleet, path: &str, expected: Value) {
    until(&format!("{path} to show {expected}"), async || {
        let answer = fleet.rest.get(path).await.map_err(|error| error.to_string())?;
        match difference(&answer.body, &expected) {
            None if answer.status == 200 => Ok(()),
            _ => Err(answer.body.to_string()),
        }
    })
    .await;
}

fn of(booking: i64, plural: &str) -> String {
    format!("/{plural}/search/findByBookingId?bookingId={booking}")
}

fn only(plural: &str, row: Value) -> Value {
    json!({ "_embedded": { plural: [row] } })
}

/// Changes a row in the service's database. `$1` is the booking.
async fn change(fleet: &Fleet, process: Process, sql: &'static str, booking: i64) {
    let mut tx = fleet.db(process).await.begin().await.unwrap();
    assert_eq!(tx.execute(query(sql).bind(booking)).await.unwrap(), 1, "{sql}");
    tx.commit().await.unwrap();
}

async fn publish(fleet: &Fleet, key: &str, payload: &str) {
    let record = Record {
        key: Some(key.to_owned()),
        payload: Some(payload.as_bytes().to_vec()),
        headers: vec![("from".to_owned(), "elsewhere".to_owned())],
    };
    fleet.transport().await.publish(TOPIC, &[record]).await.unwrap();
}

async fn all_letters(fleet: &Fleet) -> Vec<Letter> {
    letters(fleet.transport().await.as_ref()).await.unwrap()
}

async fn open(fleet: &Fleet) -> Vec<Letter> {
    let mut letters = all_letters(fleet).await;
    letters.retain(|letter| !letter.replayed);
    letters
}

/// Waits until `process` has written dead letters of exactly these events, for this reason.
async fn are_dead_letters(fleet: &Fleet, process: Process, events: &[&str], reason: &str) {
    let listed = until(&format!("dead letters of {events:?} by {process}"), async || {
        let (code, printed) = fleet.dlq(&["list", "--json"]).await;
        assert_eq!(code, 0, "{printed}");
        let listed: Value = serde_json::from_str(&printed).unwrap();
        let listed = listed.as_array().unwrap().clone();
        if listed.len() >= events.len() { Ok(listed) } else { Err(printed) }
    })
    .await;
    let mut types: Vec<_> = listed.iter().map(|letter| letter["eventType"].as_str().unwrap()).collect();
    types.sort_unstable();
    assert_eq!(types, events);
    for letter in &listed {
        assert_eq!(letter["consumer"], process.name());
        assert!(letter["reason"].as_str().unwrap().contains(reason), "{letter}");
    }
    counts(fleet, process, events.len()).await;
}

/// Waits for the metric, which rises shortly after the letter is written.
async fn counts(fleet: &Fleet, process: Process, letters: usize) {
    until(&format!("{process} to count {letters} dead letters"), async || {
        let dead = metric(&fleet.service(process), "dead_letters_total").await.unwrap();
        if (dead - letters as f64).abs() < f64::EPSILON { Ok(()) } else { Err(dead.to_string()) }
    })
    .await;
}

/// Replays the `count` letters of `process`. A dry run and a replay of another consumer must not replay them.
async fn replayed(fleet: &Fleet, process: Process, count: usize) {
    let before = [records(fleet, TOPIC).await, records(fleet, DEAD_LETTER_TOPIC).await];
    let (code, printed) = fleet.dlq(&["replay", "--dry-run", "--consumer", process.name()]).await;
    assert_eq!(code, 0, "{printed}");
    assert_eq!(printed.lines().filter(|line| line.starts_with("would replay ")).count(), count, "{printed}");
    let another = if process == Process::Book { "ticket" } else { "book" };
    let (_, printed) = fleet.dlq(&["replay", "--consumer", another]).await;
    assert_eq!(printed, "no dead letters to replay\n");
    assert_eq!([records(fleet, TOPIC).await, records(fleet, DEAD_LETTER_TOPIC).await], before);

    let (code, printed) = fleet.dlq(&["replay", "--consumer", process.name()]).await;
    assert_eq!(code, 0, "{printed}");
    assert_eq!(printed.lines().filter(|line| line.starts_with("replayed ")).count(), count, "{printed}");
    assert_eq!(fleet.dlq(&["list"]).await, (0, "no dead letters\n".to_owned()));
    let (_, printed) = fleet.dlq(&["list", "--all"]).await;
    assert_eq!(printed.lines().filter(|line| line.ends_with("(replayed)")).count(), count, "{printed}");
}

/// Asserts that no letter waits, then sends all letters again, as after a crash before they were marked, and
/// waits until they are processed.
async fn replaying_again_changes_nothing(fleet: &Fleet, booking: i64) {
    assert_eq!(fleet.dlq(&["replay"]).await, (0, "no dead letters to replay\n".to_owned()));
    let letters = all_letters(fleet).await;
    assert!(!letters.is_empty());
    replay(fleet.transport().await.as_ref(), &letters).await.unwrap();
    // A consumer that has processed this record of the same booking has processed the earlier ones.
    publish(fleet, &booking.to_string(), "not json").await;
    all_are_dead_letters(fleet, "not json", 5).await;
    assert_eq!(open(fleet).await.len(), 5, "only this record, once per consumer");
}

/// Waits until `count` letters have this payload, the same number from each consumer.
async fn all_are_dead_letters(fleet: &Fleet, payload: &str, count: usize) {
    let by_consumer = until(&format!("{count} dead letters of {payload}"), async || {
        let mut by_consumer = BTreeMap::<String, usize>::new();
        for letter in all_letters(fleet).await {
            if letter.record.payload.as_deref() == Some(payload.as_bytes()) {
                assert!(letter.reason.starts_with("not JSON: "), "{letter:?}");
                *by_consumer.entry(letter.consumer).or_default() += 1;
            }
        }
        if by_consumer.values().sum::<usize>() >= count {
            Ok(by_consumer)
        } else {
            Err(format!("{by_consumer:?}"))
        }
    })
    .await;
    let each = CONSUMERS.map(|process| (process.name().to_owned(), count / CONSUMERS.len()));
    assert_eq!(by_consumer, BTreeMap::from(each));
}

async fn records(fleet: &Fleet, topic: &str) -> u64 {
    fleet.transport().await.history(topic).await.unwrap().total()
}

/// Counts the events of `booking` on the topic by type, without replays.
async fn on_the_topic(fleet: &Fleet, booking: i64) -> BTreeMap<String, usize> {
    let mut history = fleet.transport().await.history(TOPIC).await.unwrap();
    let mut by_type = BTreeMap::new();
    loop {
        let batch = history.next(100).await.unwrap();
        if batch.is_empty() {
            return by_type;
        }
        for record in batch.into_iter().map(|received| received.record) {
            let replayed = record.headers.iter().any(|(name, _)| name == "dlq-replay-for");
            let event: Option<Value> = serde_json::from_slice(&record.payload.unwrap()).ok();
            if let Some(event) = event.filter(|_| !replayed && record.key == Some(booking.to_string())) {
                *by_type.entry(event["eventType"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
    }
}

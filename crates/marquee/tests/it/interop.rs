//! The fleet and the original Java services on one topic: each reads the events of the other.
//!
//! Kafka's console producer and `tests/java/Listeners.java` act as the Java services, on a real broker. These
//! tests need the broker of `TEST_KAFKA_URL` and the jars of `TEST_KAFKA_JARS`, which the gate sets
//! (`.ci/backends`).

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use marquee::fleet::Process;
use marquee::rest::difference;
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use uuid::Uuid;

use crate::clients::assert_quiet;
use crate::fleet::{Fleet, send};
use crate::wait::until;

/// Header names and values as Spring Cloud Stream writes them, in JSON.
const SPRING_HEADERS: &str =
    r#"contentType="application/json";spring_json_header_types={"contentType":"java.lang.String"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn events_of_the_java_services_are_applied_once() {
    let Some((fleet, java)) = fleet_beside_java().await else { return };

    // A Java book service books: ticket, point and mypage follow. Each event comes twice, as after a lost
    // acknowledgment.
    let bare = [about(1001, "booked-by-siege"), about(1004, "unknown-type")];
    java.writes(&[bare.clone(), bare].concat()).await;
    let with_headers =
        [headed(None, &about(1002, "booked-numbers-as-text")), headed(Some(1003), &numbers_for_text(1003))];
    java.writes_with_headers(&[with_headers.clone(), with_headers].concat()).await;
    for (id, row) in [
        (1001, json!({ "qty": 3, "movieName": null, "seat": null, "price": null })),
        (1002, json!({ "qty": 2, "movieName": "WonderWoman", "seat": "1,2", "price": 20_000 })),
        (1003, json!({ "qty": 1, "movieName": "1917", "seat": "7", "price": 500 })),
    ] {
        row_becomes(&fleet, "mypages", id, &row).await;
        let common = json!({ "status": "Booked", "score": 0, "ticketId": id });
        row_becomes(&fleet, "mypages", id, &common).await;
        let ticket = json!({ "status": "Waiting", "movieName": row["movieName"], "qty": row["qty"] });
        row_becomes(&fleet, "tickets", id, &ticket).await;
        row_becomes(&fleet, "points", id, &json!({ "status": "Waiting Point", "score": 0 })).await;
    }

    // A Java book service cancels without asking, once before ticket knows the booking. Payment has no charge
    // of these bookings, and records tombstones.
    let [canceled, early] = [1002, 1007].map(|id| json!({ "eventType": "Canceled", "id": id, "me": true }));
    java.writes(&[canceled.clone(), canceled, early]).await;
    row_becomes(&fleet, "payments", 1007, &json!({ "status": "Voided" })).await;
    java.writes(&[about(1007, "booked-by-siege")]).await;
    for id in [1002, 1007] {
        row_becomes(&fleet, "mypages", id, &json!({ "status": "Canceled" })).await;
        row_becomes(&fleet, "payments", id, &json!({ "status": "Voided" })).await;
    }
    row_becomes(&fleet, "tickets", 1002, &json!({ "status": "Canceled" })).await;

    // A Java ticket service creates a ticket: point follows.
    java.writes(&[about(1005, "created-unknown-fields"), about(1005, "created-unknown-fields")]).await;
    row_becomes(&fleet, "points", 1005, &json!({ "contents": "WonderWoman", "score": 0 })).await;

    // Java services continue bookings of the fleet: `Printed` has `me:false`, `TicketCanceled` has numbers as
    // text.
    let [collected, voided] = [book(&fleet, "1A,2B").await, book(&fleet, "3C,4D").await];
    let written =
        json!({ "eventType": "WrittenPoint", "bookingId": collected, "id": 1, "score": "100", "me": true });
    let canceled =
        json!({ "eventType": "TicketCanceled", "id": "1", "bookingId": voided.to_string(), "me": true });
    let expired = json!({ "eventType": "HoldExpired", "id": 1006 });
    java.writes(&[about(collected, "printed-me-false"), written, canceled, expired]).await;
    row_becomes(&fleet, "mypages", collected, &json!({ "status": "Printed", "score": 100 })).await;
    row_becomes(&fleet, "books", collected, &json!({ "status": "PrintComplete" })).await;
    row_becomes(&fleet, "payments", voided, &json!({ "status": "Canceled" })).await;

    // A Java book service cancels a booking of the fleet: it ends like every cancellation, with one refund.
    let ours = book(&fleet, "7G,8H").await;
    let canceled = json!({ "eventType": "Canceled", "id": ours, "status": "Canceled", "me": true });
    java.writes(&[canceled.clone(), canceled]).await;
    for plural in ["tickets", "payments", "books", "mypages"] {
        row_becomes(&fleet, plural, ours, &json!({ "status": "Canceled" })).await;
    }
    row_becomes(&fleet, "payments", 1006, &json!({ "status": "Voided" })).await;

    assert_quiet(&fleet).await;
    let counts = [("tickets", 3 + 3), ("points", 4 + 3), ("payments", 3 + 3), ("mypages", 4 + 3)];
    for (plural, expected) in counts {
        assert_eq!(fleet.rest.count(&format!("/{plural}")).await.unwrap(), expected, "{plural}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn java_payment_service_settles_a_booking() {
    let Some((mut fleet, java)) = fleet_beside_java().await else { return };
    let booking = book_without_an_answer_from_payment(&fleet).await;
    fleet.kill(Process::Payment).await;
    java.writes(&[about(booking, "paid-without-me")]).await;
    row_becomes(&fleet, "books", booking, &json!({ "status": "PaidComplete" })).await;
    row_becomes(&fleet, "tickets", booking, &json!({ "status": "Waiting" })).await;
    fleet.start_alone(Process::Payment).await;
    assert_quiet(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn java_services_can_read_every_event() {
    let Some((fleet, java)) = fleet_beside_java().await else { return };
    let [collected, canceled] = [book(&fleet, "1A,2B").await, book(&fleet, "3C,4D").await];
    let printed = json!({ "status": "Printed" });
    let answer =
        fleet.rest.send(Method::PATCH, &format!("/tickets/{collected}"), Some(&printed)).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = fleet.rest.send(Method::DELETE, &format!("/books/{canceled}"), None).await.unwrap();
    assert!([202, 204].contains(&answer.status), "{answer:?}");
    row_becomes(&fleet, "books", canceled, &json!({ "status": "Canceled" })).await;
    // Book knows that the ticket was collected, and does not request a cancellation; a Java book service may.
    java.writes(&[
        json!({ "eventType": "CancelRequested", "id": collected, "status": "Canceling", "me": true }),
    ])
    .await;
    let expired = book_without_an_answer_from_payment(&fleet).await;
    let answer = fleet.rest.send(Method::DELETE, &format!("/books/{expired}"), None).await.unwrap();
    assert_eq!(answer.status, 204, "{answer:?}");
    send(fleet.pid(Process::Payment), Signal::CONT);
    assert_quiet(&fleet).await;

    let received = |event: &str, booking: i64, fields: Value| (event.to_owned(), booking, fields);
    let point = |status: &str, score: i64| json!({ "contents": "soul", "status": status, "score": score });
    let booked = |seats: &str| {
        json!({
            "qty": 2, "seat": seats, "movieName": "soul", "status": "Registered", "totalPrice": 20_000, "name": "CGV",
        })
    };
    let created = |seats: &str| json!({ "qty": 2, "seat": seats, "movieName": "soul", "status": "Waiting" });
    let status = |status: &str| json!({ "status": status });
    let paid = json!({ "status": "Paid", "totalPrice": 20_000 });
    let expected = [
        received("Paid", collected, paid),
        received("Booked", collected, booked("1A,2B")),
        received("Created", collected, created("1A,2B")),
        received("WaitedPoint", collected, point("Waiting Point", 0)),
        received("WrittenPoint", collected, point("Pointed", 100)),
        received("Printed", collected, status("Printed")),
        received("CancelRejected", collected, status("Printed")),
        received("Booked", canceled, booked("3C,4D")),
        received("Created", canceled, created("3C,4D")),
        received("CancelRequested", canceled, status("Canceling")),
        received("TicketCanceled", canceled, status("Canceled")),
        received("PaymentCanceled", canceled, status("Canceled")),
        received("Canceled", canceled, status("Canceled")),
        received("HoldExpired", expired, status("Canceled")),
    ];
    let mut lines = Vec::new();
    until("every event to be on the topic", async || {
        lines = java.received().await;
        let missing = expected.iter().find(|(event, booking, _)| find(&lines, event, *booking).is_none());
        missing.map_or(Ok(()), |missing| Err(format!("{missing:?}")))
    })
    .await;
    for (event, booking, fields) in &expected {
        let line = find(&lines, event, *booking).unwrap();
        assert_eq!(difference(&line["got"], fields), None, "{line}");
        assert_eq!(line["key"], booking.to_string(), "{line}");
    }
    // All events of the fleet have a key.
    for line in lines.iter().filter(|line| line["key"].is_string()) {
        assert_eq!(line["got"], line["strictly"], "{line}");
        let (got, value) = (line["got"].as_object().unwrap(), &line["value"]);
        for (name, got) in got.iter().filter(|(name, _)| *name != "me") {
            assert_eq!(got, &value[name], "{name} in {line}");
        }
    }
    let types: BTreeSet<&str> = lines.iter().map(|line| line["listener"].as_str().unwrap()).collect();
    assert_eq!(types.len(), 12, "not all events of the Java services: {types:?}");
}

/// Starts a fleet on a new topic, with the Java programs. Returns `None` without a broker, which the gate
/// does not allow.
async fn fleet_beside_java() -> Option<(Fleet, Java)> {
    let Some(java) = Java::find() else {
        assert!(
            std::env::var("MARQUEE_TEST_BACKENDS").is_err(),
            "TEST_KAFKA_URL and TEST_KAFKA_JARS must name a broker and its jars: see .ci/backends"
        );
        println!("left out: TEST_KAFKA_URL and TEST_KAFKA_JARS are not set (see .ci/backends)");
        return None;
    };
    let mut fleet = Fleet::nothing().await;
    fleet.on_event_log(&format!("kafka://{}/{}", java.brokers, java.topic));
    // Some tests pause payment, and wait until book gives up. On a busy machine, a payment takes seconds.
    fleet.up_with(&[("PAYMENT_DEADLINE_MS", "5000")]).await;
    Some((fleet, java))
}

/// Makes a booking, and waits until book and mypage show it.
async fn book(fleet: &Fleet, seats: &str) -> i64 {
    let (status, id) = order(fleet, seats).await;
    assert_eq!(status, 201);
    row_becomes(fleet, "books", id, &json!({ "status": "PaidComplete" })).await;
    row_becomes(fleet, "mypages", id, &json!({ "status": "Booked", "ticketId": id, "score": 0 })).await;
    id
}

/// Makes a booking while payment is paused and does not answer.
async fn book_without_an_answer_from_payment(fleet: &Fleet) -> i64 {
    send(fleet.pid(Process::Payment), Signal::STOP);
    let (status, id) = order(fleet, "5E,6F").await;
    assert_eq!(status, 202);
    id
}

async fn order(fleet: &Fleet, seats: &str) -> (u16, i64) {
    let order =
        json!({ "qty": 2, "movieName": "soul", "seat": seats, "totalPrice": 20_000, "customerId": 33 });
    let answer = fleet.rest.send(Method::POST, "/books", Some(&order)).await.unwrap();
    (answer.status, answer.body["id"].as_i64().unwrap())
}

/// Waits until the only row of a booking in `plural` is as expected.
async fn row_becomes(fleet: &Fleet, plural: &str, booking: i64, expected: &Value) {
    let path = match plural {
        "books" => format!("/books/{booking}"),
        _ => format!("/{plural}/search/findByBookingId?bookingId={booking}"),
    };
    until(&format!("{path} to be as expected"), async || {
        let answer = fleet.rest.get(&path).await.map_err(|error| error.to_string())?;
        let row = match &answer.body["_embedded"][plural] {
            Value::Array(rows) if rows.len() == 1 => &rows[0],
            Value::Null => &answer.body,
            rows => return Err(format!("{path}: {rows}")),
        };
        difference(row, expected).map_or(Ok(()), Err)
    })
    .await;
}

fn find<'l>(lines: &'l [Value], event: &str, booking: i64) -> Option<&'l Value> {
    lines.iter().find(|line| {
        let id = line["got"].get("bookingId").unwrap_or(&line["got"]["id"]);
        line["listener"] == event && *id == booking
    })
}

/// Reads a record of the Java services, and puts in another booking id, as a number or text as before.
fn about(booking: i64, file: &str) -> Value {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/tests/golden/java");
    let text = std::fs::read_to_string(directory.join(file).with_extension("json")).unwrap();
    let mut record: Value = serde_json::from_str(&text).unwrap();
    for id in ["id", "bookingId", "orderId"] {
        if record[id] == 4 {
            record[id] = json!(booking);
        } else if record[id] == "4" {
            record[id] = json!(booking.to_string());
        }
    }
    record
}

/// A record with numbers in place of text.
fn numbers_for_text(booking: i64) -> Value {
    json!({
        "eventType": "Booked", "id": booking, "qty": "1", "seat": 7, "movieName": 1917, "totalPrice": 500.0, "name": true,
    })
}

/// A line for the console producer, with headers and key.
fn headed(key: Option<i64>, record: &Value) -> String {
    let key = key.map_or_else(|| "null".to_owned(), |key| key.to_string());
    format!("{SPRING_HEADERS}\t{key}\t{record}")
}

/// The Java programs on one topic.
struct Java {
    brokers: String,
    topic: String,
    jars: String,
}

impl Java {
    fn find() -> Option<Self> {
        let url = std::env::var("TEST_KAFKA_URL").ok()?;
        let (brokers, _) = url.strip_prefix("kafka://").unwrap().rsplit_once('/').unwrap();
        Some(Self {
            brokers: brokers.to_owned(),
            topic: format!("test-{}", Uuid::now_v7().simple()),
            jars: std::env::var("TEST_KAFKA_JARS").ok()?,
        })
    }

    /// Writes records without keys and headers.
    async fn writes(&self, records: &[Value]) {
        let lines: Vec<String> = records.iter().map(Value::to_string).collect();
        self.produce(&[], &lines).await;
    }

    async fn writes_with_headers(&self, lines: &[String]) {
        let properties = [
            "parse.key=true",
            "parse.headers=true",
            "headers.separator=;",
            "headers.key.separator==",
            "null.marker=null",
        ];
        self.produce(&properties, lines).await;
    }

    async fn produce(&self, properties: &[&str], lines: &[String]) {
        let mut producer = self.java("org.apache.kafka.tools.ConsoleProducer");
        producer.args(["--bootstrap-server", &self.brokers, "--topic", &self.topic, "--sync"]);
        for property in properties {
            producer.args(["--property", property]);
        }
        let mut producer = producer.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = producer.stdin.take().unwrap();
        stdin.write_all((lines.join("\n") + "\n").as_bytes()).await.unwrap();
        drop(stdin);
        let output = producer.wait_with_output().await.unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !stderr.contains("ERROR"), "{stderr}");
    }

    /// Reads the whole topic with the Java services' classes, one line per record.
    async fn received(&self) -> Vec<Value> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/java/Listeners.java");
        let mut listeners = self.java(program.to_str().unwrap());
        let output = listeners.args([&self.brokers, &self.topic]).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn java(&self, program: &str) -> Command {
        let mut java = Command::new("java");
        java.args(["-Xmx128m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]);
        java.args(["-cp", &format!("{}/*", self.jars), program]);
        java.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        java
    }
}

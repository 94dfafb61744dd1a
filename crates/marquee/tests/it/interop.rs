//! The fleet beside the original Java services, on one topic: it takes what they write, and they can read what it writes.
//!
//! Their part is played by Kafka's own console producer and by `tests/java/Listeners.java`, over a real broker. These
//! tests need the one of `TEST_KAFKA_URL` and the jars of `TEST_KAFKA_JARS`, which the gate sets (`.ci/backends`).

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

use crate::clients::nothing_under_way;
use crate::fleet::{Fleet, send};
use crate::wait::until;

/// Header names and values as Spring Cloud Stream writes them: in JSON.
const SPRING_HEADERS: &str =
    r#"contentType="application/json";spring_json_header_types={"contentType":"java.lang.String"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_the_java_services_write_has_its_effect_once() {
    let Some((fleet, java)) = fleet_beside_java().await else { return };

    // A Java book service: our ticket, point and mypage follow it. Everything comes twice, as after a lost answer.
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
        rests_at(&fleet, "mypages", id, &row).await;
        let common = json!({ "status": "Booked", "score": 0, "ticketId": id });
        rests_at(&fleet, "mypages", id, &common).await;
        let ticket = json!({ "status": "Waiting", "movieName": row["movieName"], "qty": row["qty"] });
        rests_at(&fleet, "tickets", id, &ticket).await;
        rests_at(&fleet, "points", id, &json!({ "status": "Waiting Point", "score": 0 })).await;
    }

    // A Java book service cancels by itself, once before our ticket has heard of the booking. Its money goes back, or is never
    // taken; our payment knows of none here, and remembers that.
    let [canceled, early] = [1002, 1007].map(|id| json!({ "eventType": "Canceled", "id": id, "me": true }));
    java.writes(&[canceled.clone(), canceled, early]).await;
    rests_at(&fleet, "payments", 1007, &json!({ "status": "Voided" })).await;
    java.writes(&[about(1007, "booked-by-siege")]).await;
    for id in [1002, 1007] {
        rests_at(&fleet, "mypages", id, &json!({ "status": "Canceled" })).await;
        rests_at(&fleet, "payments", id, &json!({ "status": "Voided" })).await;
    }
    rests_at(&fleet, "tickets", 1002, &json!({ "status": "Canceled" })).await;

    // A Java ticket service: point follows it.
    java.writes(&[about(1005, "created-unknown-fields"), about(1005, "created-unknown-fields")]).await;
    rests_at(&fleet, "points", 1005, &json!({ "contents": "WonderWoman", "score": 0 })).await;

    // Java services that go on with a booking of ours: `Printed` says `me:false`, `TicketCanceled` numbers in text.
    let [collected, voided] = [book(&fleet, "1A,2B").await, book(&fleet, "3C,4D").await];
    let written =
        json!({ "eventType": "WrittenPoint", "bookingId": collected, "id": 1, "score": "100", "me": true });
    let canceled =
        json!({ "eventType": "TicketCanceled", "id": "1", "bookingId": voided.to_string(), "me": true });
    let expired = json!({ "eventType": "HoldExpired", "id": 1006 });
    java.writes(&[about(collected, "printed-me-false"), written, canceled, expired]).await;
    rests_at(&fleet, "mypages", collected, &json!({ "status": "Printed", "score": 100 })).await;
    rests_at(&fleet, "books", collected, &json!({ "status": "PrintComplete" })).await;
    rests_at(&fleet, "payments", voided, &json!({ "status": "Canceled" })).await;

    // Were it to cancel a booking of ours, that would end as any cancel does, and the money would go back once.
    let ours = book(&fleet, "7G,8H").await;
    let canceled = json!({ "eventType": "Canceled", "id": ours, "status": "Canceled", "me": true });
    java.writes(&[canceled.clone(), canceled]).await;
    for plural in ["tickets", "payments", "books", "mypages"] {
        rests_at(&fleet, plural, ours, &json!({ "status": "Canceled" })).await;
    }
    rests_at(&fleet, "payments", 1006, &json!({ "status": "Voided" })).await;

    nothing_under_way(&fleet).await;
    let counts = [("tickets", 3 + 3), ("points", 4 + 3), ("payments", 3 + 3), ("mypages", 4 + 3)];
    for (plural, expected) in counts {
        assert_eq!(fleet.rest.count(&format!("/{plural}")).await.unwrap(), expected, "{plural}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_java_payment_service_settles_a_booking() {
    let Some((mut fleet, java)) = fleet_beside_java().await else { return };
    let booking = book_without_an_answer_from_payment(&fleet).await;
    fleet.kill(Process::Payment).await;
    java.writes(&[about(booking, "paid-without-me")]).await;
    rests_at(&fleet, "books", booking, &json!({ "status": "PaidComplete" })).await;
    rests_at(&fleet, "tickets", booking, &json!({ "status": "Waiting" })).await;
    fleet.start_alone(Process::Payment).await;
    nothing_under_way(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_reads_into_the_classes_of_the_java_services() {
    let Some((fleet, java)) = fleet_beside_java().await else { return };
    let [collected, canceled] = [book(&fleet, "1A,2B").await, book(&fleet, "3C,4D").await];
    let printed = json!({ "status": "Printed" });
    let answer =
        fleet.rest.send(Method::PATCH, &format!("/tickets/{collected}"), Some(&printed)).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = fleet.rest.send(Method::DELETE, &format!("/books/{canceled}"), None).await.unwrap();
    assert!([202, 204].contains(&answer.status), "{answer:?}");
    rests_at(&fleet, "books", canceled, &json!({ "status": "Canceled" })).await;
    // Our book knows of the collection and asks no more; a Java one may.
    java.writes(&[
        json!({ "eventType": "CancelRequested", "id": collected, "status": "Canceling", "me": true }),
    ])
    .await;
    let expired = book_without_an_answer_from_payment(&fleet).await;
    let answer = fleet.rest.send(Method::DELETE, &format!("/books/{expired}"), None).await.unwrap();
    assert_eq!(answer.status, 204, "{answer:?}");
    send(fleet.pid(Process::Payment), Signal::CONT);
    nothing_under_way(&fleet).await;

    let heard = |event: &str, booking: i64, fields: Value| (event.to_owned(), booking, fields);
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
        heard("Paid", collected, paid),
        heard("Booked", collected, booked("1A,2B")),
        heard("Created", collected, created("1A,2B")),
        heard("WaitedPoint", collected, point("Waiting Point", 0)),
        heard("WrittenPoint", collected, point("Pointed", 100)),
        heard("Printed", collected, status("Printed")),
        heard("CancelRejected", collected, status("Printed")),
        heard("Booked", canceled, booked("3C,4D")),
        heard("Created", canceled, created("3C,4D")),
        heard("CancelRequested", canceled, status("Canceling")),
        heard("TicketCanceled", canceled, status("Canceled")),
        heard("PaymentCanceled", canceled, status("Canceled")),
        heard("Canceled", canceled, status("Canceled")),
        heard("HoldExpired", expired, status("Canceled")),
    ];
    let mut heard = Vec::new();
    until("every event to be on the topic", async || {
        heard = java.listens().await;
        let missing = expected.iter().find(|(event, booking, _)| find(&heard, event, *booking).is_none());
        missing.map_or(Ok(()), |missing| Err(format!("{missing:?}")))
    })
    .await;
    for (event, booking, fields) in &expected {
        let line = find(&heard, event, *booking).unwrap();
        assert_eq!(difference(&line["got"], fields), None, "{line}");
        assert_eq!(line["key"], booking.to_string(), "{line}");
    }
    // Ours all have a key.
    for line in heard.iter().filter(|line| line["key"].is_string()) {
        assert_eq!(line["got"], line["strictly"], "{line}");
        let (got, value) = (line["got"].as_object().unwrap(), &line["value"]);
        for (name, got) in got.iter().filter(|(name, _)| *name != "me") {
            assert_eq!(got, &value[name], "{name} in {line}");
        }
    }
    let types: BTreeSet<&str> = heard.iter().map(|line| line["listener"].as_str().unwrap()).collect();
    assert_eq!(types.len(), 12, "all events that the Java services know: {types:?}");
}

/// A fleet on a topic of its own, and the Java programs beside it; `None` where there is no broker, which is no excuse
/// in the gate.
async fn fleet_beside_java() -> Option<(Fleet, Java)> {
    let Some(java) = Java::find() else {
        assert!(
            std::env::var("MARQUEE_TEST_BACKENDS").is_err(),
            "TEST_KAFKA_URL and TEST_KAFKA_JARS must lead to a broker and its jars: see .ci/backends"
        );
        println!("left out: TEST_KAFKA_URL and TEST_KAFKA_JARS lead to no broker (see .ci/backends)");
        return None;
    };
    let mut fleet = Fleet::nothing().await;
    fleet.on_event_log(&format!("kafka://{}/{}", java.brokers, java.topic));
    // Payment is stopped in some of them, and the customer does not wait for it.
    fleet.up_with(&[("PAYMENT_DEADLINE_MS", "500")]).await;
    Some((fleet, java))
}

/// A booking of ours that has come everywhere.
async fn book(fleet: &Fleet, seats: &str) -> i64 {
    let (status, id) = order(fleet, seats).await;
    assert_eq!(status, 201);
    rests_at(fleet, "books", id, &json!({ "status": "PaidComplete" })).await;
    rests_at(fleet, "mypages", id, &json!({ "status": "Booked", "ticketId": id, "score": 0 })).await;
    id
}

/// Payment is stopped, and holds the request.
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

/// Waits until the one row that `plural` has of a booking is as expected.
async fn rests_at(fleet: &Fleet, plural: &str, booking: i64, expected: &Value) {
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

fn find<'h>(heard: &'h [Value], event: &str, booking: i64) -> Option<&'h Value> {
    heard.iter().find(|line| {
        let id = line["got"].get("bookingId").unwrap_or(&line["got"]["id"]);
        line["listener"] == event && *id == booking
    })
}

/// A record of the Java services, from its file, about another booking: its ids keep their kind, number or text.
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

/// Numbers where we have text.
fn numbers_for_text(booking: i64) -> Value {
    json!({
        "eventType": "Booked", "id": booking, "qty": "1", "seat": 7, "movieName": 1917, "totalPrice": 500.0, "name": true,
    })
}

/// A line for the console producer.
fn headed(key: Option<i64>, record: &Value) -> String {
    let key = key.map_or_else(|| "null".to_owned(), |key| key.to_string());
    format!("{SPRING_HEADERS}\t{key}\t{record}")
}

/// Java programs on one topic.
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

    /// Without key and without headers.
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
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !complaint.contains("ERROR"), "{complaint}");
    }

    /// All that is on the topic, a line each.
    async fn listens(&self) -> Vec<Value> {
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

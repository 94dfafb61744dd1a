//! Canceling bookings and collecting tickets, also while one of the processes is down.

use marquee::fleet::Process;
use marquee::rest::{Answer, Rest, difference};
use reqwest::Method;
use serde_json::{Value, json};

use crate::clients::assert_quiet;
use crate::fleet::Fleet;
use crate::wait::until;

const CUSTOMER: i64 = 33;

#[tokio::test(flavor = "multi_thread")]
async fn cancel_before_collection_refunds_and_voids_the_ticket() {
    let fleet = Fleet::up().await;
    let booking = book(&fleet).await;
    ticket_is(&fleet, booking, "Waiting").await;

    let answer = cancel(&fleet, booking).await;
    assert_eq!((answer.status, answer.body), (204, Value::Null));
    everything_is_canceled(&fleet, booking).await;

    // A repeated cancel changes nothing.
    assert_eq!(cancel(&fleet, booking).await.status, 204);
    let patch = json!({ "status": "Canceled" });
    let answer = fleet.rest.send(Method::PATCH, &format!("/books/{booking}"), Some(&patch)).await.unwrap();
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("Canceled")));
    assert_quiet(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn canceled_ticket_cannot_be_collected() {
    let fleet = Fleet::up().await;
    let booking = book(&fleet).await;
    ticket_is(&fleet, booking, "Waiting").await;
    assert_eq!(cancel(&fleet, booking).await.status, 204);
    let answer = collect(&fleet, booking).await;
    assert_eq!(problem(&answer), (409, "/problems/ticket-canceled"), "{answer:?}");
    assert_eq!(balance(&fleet).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_after_collection_is_rejected_and_changes_nothing() {
    let fleet = Fleet::up().await;
    let booking = book(&fleet).await;
    ticket_is(&fleet, booking, "Waiting").await;
    assert_eq!(collect(&fleet, booking).await.status, 200);
    everything_is_printed(&fleet, booking).await;

    let answer = cancel(&fleet, booking).await;
    assert_eq!(problem(&answer), (409, "/problems/ticket-already-collected"), "{answer:?}");
    assert_quiet(&fleet).await;
    everything_is_printed(&fleet, booking).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_completes_after_the_ticket_process_has_restarted() {
    let mut fleet = Fleet::up().await;
    let booking = book(&fleet).await;
    ticket_is(&fleet, booking, "Waiting").await;
    fleet.kill(Process::Ticket).await;

    let answer = cancel(&fleet, booking).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.body["status"], "Canceling");
    let location = answer.headers["location"].to_str().unwrap();
    assert!(location.ends_with(&format!("/books/{booking}")), "{location}");

    fleet.start_alone(Process::Ticket).await;
    everything_is_canceled(&fleet, booking).await;
    assert_quiet(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn collecting_twice_grants_points_once() {
    let fleet = Fleet::up().await;
    let booking = book(&fleet).await;
    ticket_is(&fleet, booking, "Waiting").await;
    for _ in 0..2 {
        let answer = collect(&fleet, booking).await;
        assert_eq!((answer.status, &answer.body["status"]), (200, &json!("Printed")), "{answer:?}");
    }
    assert_quiet(&fleet).await;
    assert_eq!(balance(&fleet).await, 100);
    let points = fleet.rest.collection("points").await.unwrap();
    let granted = points.iter().filter(|row| row["score"] == 100 && row["status"] == "Pointed");
    assert_eq!(granted.count(), 1, "{points:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn collecting_at_ten_counters_at_once_grants_points_once() {
    let fleet = Fleet::up().await;
    let booking = book(&fleet).await;
    ticket_is(&fleet, booking, "Waiting").await;
    let mut counters = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let rest = fleet.rest.clone();
        counters.spawn(async move {
            let order = json!({ "status": "Printed" });
            rest.send(Method::PATCH, &format!("/tickets/{booking}"), Some(&order)).await.unwrap()
        });
    }
    for answer in counters.join_all().await {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    everything_is_printed(&fleet, booking).await;
    assert_eq!(balance(&fleet).await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn ticket_is_not_collected_while_the_point_process_is_down() {
    let mut fleet = Fleet::up().await;
    let booking = book(&fleet).await;
    ticket_is(&fleet, booking, "Waiting").await;
    fleet.kill(Process::Point).await;

    let answer = collect(&fleet, booking).await;
    assert_eq!(answer.status, 503, "{answer:?}");
    let seconds: u32 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(seconds >= 1);
    ticket_is(&fleet, booking, "Waiting").await;

    fleet.start_alone(Process::Point).await;
    assert_eq!(collect(&fleet, booking).await.status, 200);
    everything_is_printed(&fleet, booking).await;
    assert_eq!(balance(&fleet).await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_are_held_and_paid_after_the_payment_process_has_restarted() {
    let mut fleet = Fleet::up().await;
    fleet.kill(Process::Payment).await;
    let order = json!({ "movieName": "soul", "seat": "1A", "totalPrice": 10000, "payLater": false });
    let held = fleet.rest.send(Method::POST, "/books", Some(&order)).await.unwrap();
    assert_eq!((held.status, &held.body["status"]), (202, &json!("PaymentPending")), "{held:?}");
    assert!(held.headers.contains_key("retry-after"));
    let taken = fleet.rest.send(Method::POST, "/books", Some(&order)).await.unwrap();
    assert_eq!(problem(&taken), (409, "/problems/seat-taken"), "{taken:?}");
    let later = json!({ "movieName": "soul", "seat": "2B", "totalPrice": 10000, "payLater": true });
    let later = fleet.rest.send(Method::POST, "/books", Some(&later)).await.unwrap();
    assert_eq!(later.status, 202, "{later:?}");

    fleet.start_alone(Process::Payment).await;
    let link = held.body["_links"]["payment"]["href"].as_str().unwrap();
    let path = link.strip_prefix(fleet.rest.base()).unwrap();
    let paid = fleet.rest.send(Method::POST, path, Some(&json!({}))).await.unwrap();
    assert_eq!((paid.status, &paid.body["status"]), (201, &json!("Registered")), "{paid:?}");
    let later = later.body["id"].as_i64().unwrap();
    shows(&fleet, &format!("/mypages/{later}"), json!({ "status": "Booked", "seat": "2B" })).await;
    assert_quiet(&fleet).await;
}

pub async fn book(fleet: &Fleet) -> i64 {
    book_at(&fleet.rest).await
}

pub async fn book_at(rest: &Rest) -> i64 {
    let order = json!({ "movieName": "soul", "qty": 2, "totalPrice": 10000, "customerId": CUSTOMER });
    let answer = rest.send(Method::POST, "/books", Some(&order)).await.unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["id"].as_i64().unwrap()
}

pub async fn cancel(fleet: &Fleet, booking: i64) -> Answer {
    cancel_at(&fleet.rest, booking).await
}

pub async fn cancel_at(rest: &Rest, booking: i64) -> Answer {
    rest.send(Method::DELETE, &format!("/books/{booking}"), None).await.unwrap()
}

pub async fn collect(fleet: &Fleet, booking: i64) -> Answer {
    let order = json!({ "status": "Printed" });
    fleet.rest.send(Method::PATCH, &format!("/tickets/{booking}"), Some(&order)).await.unwrap()
}

async fn balance(fleet: &Fleet) -> i64 {
    let answer = fleet.rest.get(&format!("/points/balance?customerId={CUSTOMER}")).await.unwrap();
    answer.body["balance"].as_i64().unwrap()
}

fn problem(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["type"].as_str().unwrap_or_default())
}

async fn ticket_is(fleet: &Fleet, booking: i64, status: &str) {
    shows(fleet, &format!("/tickets/{booking}"), json!({ "status": status })).await;
}

pub async fn everything_is_canceled(fleet: &Fleet, booking: i64) {
    shows(fleet, &format!("/books/{booking}"), json!({ "status": "Canceled" })).await;
    shows(fleet, &payments_of(booking), payment("Canceled")).await;
    ticket_is(fleet, booking, "Canceled").await;
    shows(fleet, &format!("/mypages/{booking}"), json!({ "status": "Canceled" })).await;
}

async fn everything_is_printed(fleet: &Fleet, booking: i64) {
    shows(fleet, &format!("/books/{booking}"), json!({ "status": "PrintComplete" })).await;
    shows(fleet, &payments_of(booking), payment("Paid")).await;
    ticket_is(fleet, booking, "Printed").await;
    shows(fleet, &format!("/mypages/{booking}"), json!({ "status": "Printed", "score": 100 })).await;
}

fn payments_of(booking: i64) -> String {
    format!("/payments/search/findByBookingId?bookingId={booking}")
}

fn payment(status: &str) -> Value {
    json!({ "_embedded": { "payments": [{ "status": status }] } })
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

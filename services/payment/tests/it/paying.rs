//! Paying: once per booking, whoever asks and however often.

use std::time::Duration;

use events::Event;
use payment::clients::Processor;
use serde_json::{Value, json};
use test_kit::{Client, fleet};
use tokio::time::{sleep, timeout};

use crate::app::{App, demand};

/// Bounds a test that would otherwise hang; nothing is measured with it.
const HANG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_payment_is_taken_and_told_of() {
    let app = App::new().await;
    let answer = app.pay(5).await;
    assert_eq!(answer.status, 201);
    let link = json!({"href": "http://cinema/payments/1"});
    assert_eq!(
        answer.body,
        json!({
            "id": 1, "bookingId": 5, "totalPrice": 10000, "status": "Paid",
            "_links": {"payment": link, "self": link},
        })
    );
    assert_eq!(answer.header("location"), "http://cinema/payments/1");
    assert_eq!(app.client.get("/payments/1").await.body, answer.body);
    let Event::Paid(paid) = &fleet::outbox(&app.scratch.db).await[0] else {
        panic!("Paid comes first");
    };
    assert_eq!((paid.id.get(), paid.booking_id.get()), (1, 5));
    assert_eq!((paid.total_price, paid.status.as_deref()), (Some(10_000), Some("Paid")));
    app.settled().await;
}

#[tokio::test]
async fn numbers_may_be_text_and_a_price_may_be_missing() {
    let app = App::new().await;
    for (booking, body, price) in [
        (1, json!({"bookingId": "1", "totalPrice": "700"}), 700),
        (2, json!({"bookingId": 2}), 0),
        (3, json!({"bookingId": 3, "totalPrice": null, "status": null}), 0),
        (4, json!({"bookingId": 4.0, "totalPrice": 0, "unknown": []}), 0),
    ] {
        let answer = app.client.post("/payments", body.clone()).await;
        assert_eq!(answer.status, 201, "{body}");
        assert_eq!(answer.body["bookingId"], booking, "{body}");
        assert_eq!(answer.body["totalPrice"], price, "{body}");
    }
    app.settled().await;
}

#[tokio::test]
async fn a_repeat_gets_the_same_payment_and_nobody_is_told_again() {
    let app = App::new().await;
    let first = app.pay(1).await;
    let repeat = app.pay(1).await;
    assert_eq!(repeat.status, 200);
    assert_eq!(repeat.body, first.body);
    assert_eq!(app.told().await, ["Paid"]);
    app.settled().await;
}

#[tokio::test]
async fn another_price_for_the_same_booking_is_a_conflict() {
    let app = App::new().await;
    app.pay(1).await;
    let answer = app.client.post("/payments", demand(1, 9_999)).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "payment-conflict"));
    assert_eq!(app.total().await, 1);
    assert_eq!(app.told().await, ["Paid"]);
    app.settled().await;
}

#[tokio::test]
async fn a_declined_payment_keeps_nothing_and_may_be_tried_again() {
    let highest = "10000".parse().unwrap();
    let app = App::with(Processor::new(None, Some(highest))).await;
    let answer = app.client.post("/payments", demand(1, 10_001)).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (402, "payment-declined"));
    assert_eq!(app.total().await, 0);
    assert_eq!(app.told().await, [""; 0]);

    assert_eq!(app.client.post("/payments", demand(1, 10_000)).await.status, 201);
    app.settled().await;
}

#[tokio::test]
async fn a_hundred_at_once_pay_once() {
    let app = App::with(Processor::new(Some("1..20".parse().unwrap()), None)).await;
    let answers = at_once(&app.client, (0..100).map(|_| demand(1, 10_000))).await;
    let created = answers.iter().filter(|(status, _)| *status == 201).count();
    let repeated = answers.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!((created, repeated), (1, 99));
    assert!(answers.iter().all(|(_, body)| *body == answers[0].1));
    assert_eq!(app.total().await, 1);
    assert_eq!(app.told().await, ["Paid"]);
    app.settled().await;
}

#[tokio::test]
async fn of_two_prices_at_once_one_is_paid() {
    let app = App::with(Processor::new(Some("5".parse().unwrap()), None)).await;
    let answers = at_once(&app.client, (0..20).map(|n| demand(1, 100 + n % 2))).await;
    // Its id may be any: those who came later have used up some.
    let found = app.client.get("/payments/search/findByBookingId?bookingId=1").await.body;
    let paid = found["_embedded"]["payments"][0].clone();
    for (status, body) in answers {
        match status {
            200 | 201 => assert_eq!(body, paid),
            _ => assert_eq!((status, &body["type"]), (409, &json!("/problems/payment-conflict"))),
        }
    }
    assert_eq!(app.told().await, ["Paid"]);
    app.settled().await;
}

#[tokio::test]
async fn a_caller_who_hangs_up_has_paid_all_the_same() {
    let app = App::with(Processor::new(Some("1000".parse().unwrap()), None)).await;
    let hung_up = timeout(Duration::from_millis(500), app.pay(1)).await;
    assert!(hung_up.is_err(), "the processor takes longer than that");
    let paid = async {
        while app.status(1).await.is_null() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(HANG, paid).await.unwrap();
    assert_eq!(app.told().await, ["Paid"]);
    app.settled().await;
}

/// What book does when an attempt takes too long.
#[tokio::test]
async fn a_caller_who_gives_up_and_asks_again_has_paid_once() {
    let app = App::with(Processor::new(Some("400".parse().unwrap()), None)).await;
    let given_up = app.post_with("x-request-timeout-ms", "50", &demand(1, 10_000)).await;
    assert_eq!((given_up.status.as_u16(), given_up.problem()), (504, "deadline-exceeded"));
    let again = app.pay(1).await;
    assert_eq!((again.status.as_u16(), &again.body["status"]), (200, &json!("Paid")));
    assert_eq!(app.told().await, ["Paid"]);
    app.settled().await;
}

/// Status and body of each answer.
async fn at_once(client: &Client, bodies: impl Iterator<Item = Value>) -> Vec<(u16, Value)> {
    let requests: Vec<_> = bodies
        .map(|body| {
            let client = client.clone();
            tokio::spawn(async move { client.post("/payments", body).await })
        })
        .collect();
    let mut answers = Vec::new();
    for request in requests {
        let answer = request.await.unwrap();
        answers.push((answer.status.as_u16(), answer.body));
    }
    answers
}

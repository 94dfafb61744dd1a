//! Payments: a booking is charged once, however often it is requested.

use std::time::Duration;

use events::Event;
use serde_json::{Value, json};
use test_kit::{Client, fleet};

use crate::app::{App, payment_request};
use crate::provider::{Hold, Provider};

#[tokio::test]
async fn payment_is_recorded_and_published() {
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
        panic!("the first event is not Paid");
    };
    assert_eq!((paid.id.get(), paid.booking_id.get()), (1, 5));
    assert_eq!((paid.total_price, paid.status.as_deref()), (Some(10_000), Some("Paid")));
    app.settled().await;
}

#[tokio::test]
async fn numbers_may_be_text_and_the_price_may_be_omitted() {
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
async fn repeated_request_returns_the_payment_and_publishes_nothing() {
    let app = App::new().await;
    let first = app.pay(1).await;
    let repeat = app.pay(1).await;
    assert_eq!(repeat.status, 200);
    assert_eq!(repeat.body, first.body);
    assert_eq!(app.published().await, ["Paid"]);
    app.settled().await;
}

#[tokio::test]
async fn different_price_for_a_paid_booking_is_a_conflict() {
    let app = App::new().await;
    app.pay(1).await;
    let answer = app.client.post("/payments", payment_request(1, 9_999)).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "payment-conflict"));
    assert_eq!(app.total().await, 1);
    assert_eq!(app.published().await, ["Paid"]);
    app.settled().await;
}

#[tokio::test]
async fn declined_payment_is_not_recorded_and_can_be_retried() {
    let app = App::with_provider(Provider::declining_over(10_000).await).await;
    let answer = app.client.post("/payments", payment_request(1, 10_001)).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (402, "payment-declined"));
    assert_eq!(app.total().await, 0);
    assert_eq!(app.published().await, [""; 0]);

    assert_eq!(app.client.post("/payments", payment_request(1, 10_000)).await.status, 201);
    app.settled().await;
}

#[tokio::test]
async fn hundred_concurrent_requests_charge_once() {
    let app = App::with_provider(Provider::with_latency(Duration::from_millis(10)).await).await;
    let answers = send_all(&app.client, (0..100).map(|_| payment_request(1, 10_000))).await;
    let created = answers.iter().filter(|(status, _)| *status == 201).count();
    let repeated = answers.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!((created, repeated), (1, 99));
    assert!(answers.iter().all(|(_, body)| *body == answers[0].1));
    assert_eq!(app.total().await, 1);
    assert_eq!((app.published().await, app.provider.movements(1)), (vec!["Paid"], (1, 0)));
    app.settled().await;
}

#[tokio::test]
async fn one_of_two_concurrent_prices_is_charged() {
    let app = App::with_provider(Provider::with_latency(Duration::from_millis(5)).await).await;
    let answers = send_all(&app.client, (0..20).map(|n| payment_request(1, 100 + n % 2))).await;
    // The id is not always 1, because conflicting inserts use up ids.
    let found = app.client.get("/payments/search/findByBookingId?bookingId=1").await.body;
    let paid = found["_embedded"]["payments"][0].clone();
    for (status, body) in answers {
        match status {
            200 | 201 => assert_eq!(body, paid),
            _ => assert_eq!((status, &body["type"]), (409, &json!("/problems/payment-conflict"))),
        }
    }
    assert_eq!(app.published().await, ["Paid"]);
    app.settled().await;
}

#[tokio::test]
async fn payment_continues_after_its_caller_disconnects() {
    let app = App::new().await;
    app.provider.hold(Hold::Before);
    tokio::select! {
        _ = app.pay(1) => panic!("the provider holds the charge"),
        () = app.provider.until_held() => {}
    }
    app.provider.release();
    while app.status(1).await.is_null() {
        tokio::task::yield_now().await;
    }
    assert_eq!((app.published().await, app.provider.movements(1)), (vec!["Paid"], (1, 0)));
    app.settled().await;
}

/// Book retries like this when an attempt takes too long.
#[tokio::test]
async fn retry_after_a_timeout_charges_once() {
    let app = App::new().await;
    app.provider.hold(Hold::After);
    let timed_out = app.post_with("x-request-timeout-ms", "50", &payment_request(1, 10_000)).await;
    assert_eq!((timed_out.status.as_u16(), timed_out.problem()), (504, "deadline-exceeded"));
    app.provider.until_held().await;
    app.provider.release();
    let again = app.pay(1).await;
    assert_eq!(again.body["status"], "Paid");
    assert_eq!((app.published().await, app.provider.movements(1)), (vec!["Paid"], (1, 0)));
    app.settled().await;
}

#[tokio::test]
async fn token_of_the_request_is_sent_to_the_provider() {
    let app = App::new().await;
    let body = |token: &str| json!({"bookingId": 1, "totalPrice": 700, "paymentToken": token});
    let declined = app.client.post("/payments", body("tok_declined")).await;
    assert_eq!((declined.status.as_u16(), declined.problem()), (402, "payment-declined"));
    for wrong in ["two words", "", &"x".repeat(129)] {
        let answer = app.client.post("/payments", body(wrong)).await;
        assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec!["/paymentToken"]), "{wrong}");
    }
    assert_eq!(app.client.post("/payments", body("tok_ok")).await.status, 201);
    app.settled().await;
}

#[tokio::test]
async fn free_booking_is_charged_and_refunded_at_the_provider() {
    let app = App::new().await;
    assert_eq!(app.client.post("/payments", payment_request(1, 0)).await.status, 201);
    assert_eq!(app.provider.movements(1), (1, 0));
    assert_eq!(app.cancel(1).await.body["status"], "Canceled");
    assert_eq!(app.provider.movements(1), (1, 1));
    app.settled().await;
}

/// Sends all requests concurrently. Returns the status and the body of each response.
async fn send_all(client: &Client, bodies: impl Iterator<Item = Value>) -> Vec<(u16, Value)> {
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

//! Paying: once per booking, whoever asks and however often.

use std::time::Duration;

use events::Event;
use serde_json::{Value, json};
use test_kit::{Client, fleet};

use crate::app::{App, demand};
use crate::provider::{Hold, Provider};

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
    let app = App::beside(Provider::declining_over(10_000).await).await;
    let answer = app.client.post("/payments", demand(1, 10_001)).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (402, "payment-declined"));
    assert_eq!(app.total().await, 0);
    assert_eq!(app.told().await, [""; 0]);

    assert_eq!(app.client.post("/payments", demand(1, 10_000)).await.status, 201);
    app.settled().await;
}

#[tokio::test]
async fn a_hundred_at_once_pay_once() {
    let app = App::beside(Provider::taking(Duration::from_millis(10)).await).await;
    let answers = at_once(&app.client, (0..100).map(|_| demand(1, 10_000))).await;
    let created = answers.iter().filter(|(status, _)| *status == 201).count();
    let repeated = answers.iter().filter(|(status, _)| *status == 200).count();
    assert_eq!((created, repeated), (1, 99));
    assert!(answers.iter().all(|(_, body)| *body == answers[0].1));
    assert_eq!(app.total().await, 1);
    assert_eq!((app.told().await, app.provider.moved(1)), (vec!["Paid"], (1, 0)));
    app.settled().await;
}

#[tokio::test]
async fn of_two_prices_at_once_one_is_paid() {
    let app = App::beside(Provider::taking(Duration::from_millis(5)).await).await;
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
async fn caller_who_hangs_up_has_paid_all_the_same() {
    let app = App::new().await;
    app.provider.hold(Hold::Before);
    tokio::select! {
        _ = app.pay(1) => panic!("the provider holds the charge"),
        () = app.provider.holds_one() => {}
    }
    app.provider.release();
    while app.status(1).await.is_null() {
        tokio::task::yield_now().await;
    }
    assert_eq!((app.told().await, app.provider.moved(1)), (vec!["Paid"], (1, 0)));
    app.settled().await;
}

/// What book does when an attempt takes too long.
#[tokio::test]
async fn caller_who_gives_up_and_asks_again_has_paid_once() {
    let app = App::new().await;
    app.provider.hold(Hold::After);
    let given_up = app.post_with("x-request-timeout-ms", "50", &demand(1, 10_000)).await;
    assert_eq!((given_up.status.as_u16(), given_up.problem()), (504, "deadline-exceeded"));
    app.provider.holds_one().await;
    app.provider.release();
    let again = app.pay(1).await;
    assert_eq!(again.body["status"], "Paid");
    assert_eq!((app.told().await, app.provider.moved(1)), (vec!["Paid"], (1, 0)));
    app.settled().await;
}

#[tokio::test]
async fn token_of_the_request_is_what_the_provider_charges() {
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
async fn free_booking_goes_through_the_provider_too() {
    let app = App::new().await;
    assert_eq!(app.client.post("/payments", demand(1, 0)).await.status, 201);
    assert_eq!(app.provider.moved(1), (1, 0));
    assert_eq!(app.cancel(1).await.body["status"], "Canceled");
    assert_eq!(app.provider.moved(1), (1, 1));
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

//! Points are granted once per booking, however often they are requested; the balance is the sum of the rows.

use events::Event;
use serde_json::{Value, json};
use test_kit::fleet;

use crate::app::{App, created};

#[tokio::test]
async fn granted_points_are_published() {
    let app = App::new().await;
    let answer = app
        .grant(json!({
            "bookingId": 5, "score": 100, "contents": "soul", "status": "Pointed", "customerId": 33,
        }))
        .await;
    assert_eq!(answer.status, 201);
    let link = json!({"href": "http://cinema/points/1"});
    assert_eq!(
        answer.body,
        json!({
            "id": 1, "bookingId": 5, "customerId": 33, "score": 100, "contents": "soul", "status": "Pointed",
            "_links": {"point": link, "self": link},
        })
    );
    assert_eq!(answer.header("location"), "http://cinema/points/1");
    assert_eq!(app.client.get("/points/1").await.body, answer.body);
    let Event::WrittenPoint(written) = &fleet::outbox(&app.scratch.db).await[0] else {
        panic!("WrittenPoint is not published");
    };
    assert_eq!((written.id.get(), written.booking_id.get()), (1, 5));
    assert_eq!((written.score, written.contents.as_deref()), (Some(100), Some("soul")));
    assert_eq!(written.customer_id.map(events::CustomerId::get), Some(33));
    assert_eq!(written.status.as_deref(), Some("Pointed"));
    app.settled().await;
}

#[tokio::test]
async fn booking_id_is_enough_and_numbers_may_be_text() {
    let app = App::new().await;
    let answer = app.grant(json!({"bookingId": "1"})).await;
    assert_eq!(answer.status, 201);
    assert_eq!((&answer.body["score"], &answer.body["status"]), (&json!(100), &json!("Pointed")));
    assert_eq!((&answer.body["customerId"], &answer.body["contents"]), (&Value::Null, &Value::Null));
    let answer = app
        .grant(json!({"bookingId": 2.0, "score": "250", "contents": 7, "customerId": "33", "unknown": {}}))
        .await;
    assert_eq!((&answer.body["score"], &answer.body["contents"]), (&json!(250), &json!("7")));
    assert_eq!(app.balance(33).await, 250);
    app.settled().await;
}

#[tokio::test]
async fn waiting_row_provides_the_omitted_fields() {
    let app = App::new().await;
    for booking in [1, 2] {
        app.deliver(created(booking)).await;
    }
    let bare = app.grant(json!({"bookingId": 1})).await;
    assert_eq!((&bare.body["customerId"], &bare.body["contents"]), (&json!(33), &json!("soul")));
    let full = app.grant(json!({"bookingId": 2, "customerId": 44, "contents": "luca"})).await;
    assert_eq!((&full.body["customerId"], &full.body["contents"]), (&json!(44), &json!("luca")));
    app.settled().await;
}

#[tokio::test]
async fn repeated_request_gets_the_same_row_even_with_other_fields() {
    let app = App::new().await;
    let first = app.grant(json!({"bookingId": 1, "customerId": 33})).await;
    for repeat in
        [json!({"bookingId": 1}), json!({"bookingId": 1, "score": 500, "customerId": 44, "contents": "luca"})]
    {
        let answer = app.grant(repeat).await;
        assert_eq!((answer.status.as_u16(), answer.body), (200, first.body.clone()));
    }
    assert_eq!(app.total().await, 1);
    assert_eq!(app.balance(33).await, 100);
    assert_eq!(app.published().await, ["WrittenPoint"]);
    app.settled().await;
}

#[tokio::test]
async fn hundred_concurrent_requests_grant_points_once() {
    let app = App::new().await;
    let requests: Vec<_> = (0..100)
        .map(|n| {
            let client = app.client.clone();
            let body = json!({"bookingId": 1, "score": 1 + n, "customerId": 33});
            tokio::spawn(async move { client.post("/points", body).await })
        })
        .collect();
    let mut created = 0;
    let mut bodies = Vec::new();
    for request in requests {
        let answer = request.await.unwrap();
        assert!([200, 201].contains(&answer.status.as_u16()));
        created += u32::from(answer.status == 201);
        bodies.push(answer.body);
    }
    assert_eq!(created, 1);
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(app.balance(33).await, bodies[0]["score"]);
    assert_eq!(app.total().await, 1);
    assert_eq!(app.published().await, ["WrittenPoint"]);
    app.settled().await;
}

#[tokio::test]
async fn balance_is_the_sum_of_the_customers_rows() {
    let app = App::new().await;
    for (booking, score, customer) in [(1, 100, 33), (2, 10_000, 33), (3, 1, 44)] {
        app.grant(json!({"bookingId": booking, "score": score, "customerId": customer})).await;
    }
    app.grant(json!({"bookingId": 4})).await;
    app.deliver(created(5)).await;
    let answer = app.client.get("/points/balance?customerId=33").await;
    assert_eq!((answer.status.as_u16(), answer.body), (200, json!({"customerId": 33, "balance": 10_100})));
    assert_eq!(app.balance(44).await, 1);
    assert_eq!(app.balance(55).await, 0);
    app.settled().await;
}

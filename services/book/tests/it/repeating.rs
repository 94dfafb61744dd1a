//! `Idempotency-Key`: the same request, however often it is sent, is one booking.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use serde_json::json;
use storage::query;
use test_kit::FakeUpstream;

use crate::app::{App, recovering_payment, soul};

const KEY: [(&str, &str); 1] = [("idempotency-key", "k-1")];

#[tokio::test]
async fn the_same_request_is_answered_by_the_same_booking() {
    let app = App::new().await;
    let first = app.client.post_with("/books", soul(), &KEY).await;
    let again = app.client.post_with("/books", soul(), &KEY).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.body, again.body);
    assert_eq!(app.payment.requests().len(), 1);
    assert_eq!(app.told().await, ["Booked"]);
    app.settled().await;
}

#[tokio::test]
async fn another_body_with_the_same_key_is_a_mistake() {
    let app = App::new().await;
    app.client.post_with("/books", soul(), &KEY).await;
    let other = json!({"qty": 1, "movieName": "soul", "seat": "3C"});
    let answer = app.client.post_with("/books", other, &KEY).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (422, "idempotency-key-reused"));
    // The same in other words is the same.
    let words = json!({"totalPrice": "10000", "seat": "1A,2B", "movieName": "soul", "qty": "2", "more": 1});
    assert_eq!(app.client.post_with("/books", words, &KEY).await.status, 201);
    assert_eq!(app.client.get("/books").await.body["page"]["totalElements"], 1);
    app.settled().await;
}

#[tokio::test]
async fn a_key_is_visible_ascii_and_not_too_long() {
    let app = App::new().await;
    let long = "x".repeat(129);
    for wrong in ["", "a b", "ключ", &long] {
        let answer = app.client.post_with("/books", soul(), &[("idempotency-key", wrong)]).await;
        assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec!["/Idempotency-Key"]), "{wrong}");
    }
    app.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_at_once_are_one_booking_one_payment_and_one_answer() {
    let payment = FakeUpstream::does(|| async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        (201, json!({}))
    })
    .await;
    let app = App::beside(payment).await;
    let answers = join_all((0..100).map(|_| app.client.post_with("/books", soul(), &KEY))).await;
    let different: HashSet<(u16, String)> =
        answers.iter().map(|answer| (answer.status.as_u16(), answer.body.to_string())).collect();
    assert_eq!(different.len(), 1, "{different:?}");
    assert_eq!(answers[0].status, 201);
    assert_eq!(app.client.get("/books").await.body["page"]["totalElements"], 1);
    assert_eq!(app.told().await, ["Booked"]);
    app.settled().await;
}

#[tokio::test]
async fn a_held_booking_is_tried_again_by_the_same_request() {
    let (payment, works) = recovering_payment().await;
    let app = App::beside(payment).await;
    assert_eq!(app.client.post_with("/books", soul(), &KEY).await.status, 202);
    works.store(true, Ordering::SeqCst);
    assert_eq!(app.client.post_with("/books", soul(), &KEY).await.status, 201);
    assert_eq!(app.client.get("/books").await.body["page"]["totalElements"], 1);
    app.settled().await;
}

#[tokio::test]
async fn a_request_that_was_refused_keeps_no_key() {
    let app = App::new().await;
    app.book().await;
    assert_eq!(app.client.post_with("/books", soul(), &KEY).await.status, 409);
    let free = json!({"movieName": "soul", "seat": "9Z"});
    assert_eq!(app.client.post_with("/books", free, &KEY).await.status, 201);
    app.settled().await;
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let app = App::new().await;
    app.client.post_with("/books", json!({"qty": 1}), &KEY).await;
    app.reconciler.forget_keys().await.unwrap();
    assert_eq!(app.client.post_with("/books", json!({"qty": 2}), &KEY).await.status, 422);
    let mut tx = app.scratch.db.begin().await.unwrap();
    let day: i64 = 24 * 3600 * 1_000_000;
    tx.execute(query("UPDATE idempotency_keys SET created_at = created_at - $1").bind(day)).await.unwrap();
    tx.commit().await.unwrap();
    app.reconciler.forget_keys().await.unwrap();
    assert_eq!(app.client.post_with("/books", json!({"qty": 2}), &KEY).await.status, 201);
    app.settled().await;
}

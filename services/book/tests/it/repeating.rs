//! `Idempotency-Key`: a request makes one booking, however often it is sent.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use book::store::request_keys::PRUNED;
use futures_util::future::join_all;
use messaging::retention;
use serde_json::json;
use storage::{query, query_as};
use test_kit::FakeUpstream;

use crate::app::{App, in_days, payment_canceled, recovering_payment, soul};

const KEY: [(&str, &str); 1] = [("idempotency-key", "k-1")];

#[tokio::test]
async fn repeated_request_returns_the_same_booking() {
    let app = App::new().await;
    let first = app.client.post_with("/books", soul(), &KEY).await;
    let again = app.client.post_with("/books", soul(), &KEY).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.body, again.body);
    assert_eq!(app.payment.requests().len(), 1);
    assert_eq!(app.published().await, ["Booked"]);
    app.settled().await;
}

#[tokio::test]
async fn same_key_with_a_different_body_is_422() {
    let app = App::new().await;
    app.client.post_with("/books", soul(), &KEY).await;
    let other = json!({"qty": 1, "movieName": "soul", "seat": "3C"});
    let answer = app.client.post_with("/books", other, &KEY).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (422, "idempotency-key-reused"));
    // The same fields in another spelling are the same request.
    let respelled =
        json!({"totalPrice": "10000", "seat": "1A,2B", "movieName": "soul", "qty": "2", "more": 1});
    assert_eq!(app.client.post_with("/books", respelled, &KEY).await.status, 201);
    assert_eq!(app.client.get("/books").await.body["page"]["totalElements"], 1);
    app.settled().await;
}

#[tokio::test]
async fn different_spelling_is_the_same_body() {
    let app = App::new().await;
    let first = json!({"movieName": "soul", "seat": "1A,2B", "qty": 2, "totalPrice": 10000, "customerId": 3});
    let first = app.client.post_with("/books", first, &KEY).await;
    assert_eq!(first.status, 201);
    let mut blanks = json!({"seat": "1A,2B", "qty": 2, "totalPrice": 10000, "customerId": 3});
    blanks["movieName"] = format!("soul{}", " ".repeat(10_000)).into();
    for spelled in [
        json!({"customerId": "3", "totalPrice": "10000", "qty": "2", "seat": " 2b , 1a", "movieName": " soul\n"}),
        json!({"seat": "2B,1A", "qty": 2.0, "movieName": "soul", "customerId": 3, "totalPrice": 10000, "a": 1}),
        blanks,
    ] {
        let again = app.client.post_with("/books", spelled.clone(), &KEY).await;
        assert_eq!((again.status.as_u16(), &again.body), (201, &first.body), "{spelled}");
    }
    let longest = query_as("SELECT CAST(MAX(LENGTH(fingerprint)) AS BIGINT) FROM request_keys");
    let kept: (i64,) = app.scratch.db.read().await.unwrap().fetch_one(longest).await.unwrap();
    assert_eq!(kept.0, 64);
    app.settled().await;
}

#[tokio::test]
async fn repeated_request_gets_its_booking_although_a_rule_would_refuse_it() {
    let app = App::new().await;
    let hall = json!({
        "movieName": "soul", "theatre": "Hall 1", "startsAt": in_days(7, "19:30"), "capacity": 100, "price": 1,
    });
    let screening = app.announce(hall).await;
    let order = json!({"screeningId": screening, "qty": 12, "customerId": 33});
    let first = app.client.post_with("/books", order.clone(), &KEY).await;
    assert_eq!(first.status, 201);
    let again = app.client.post_with("/books", order.clone(), &KEY).await;
    assert_eq!((again.status.as_u16(), &again.body), (201, &first.body), "12 of the 20 places are its own");
    app.start_screening();
    let again = app.client.post_with("/books", order, &KEY).await;
    assert_eq!((again.status.as_u16(), &again.body), (201, &first.body), "it was booked before the start");
    let other = app.client.post_with("/books", json!({"qty": 0, "customerId": 33}), &KEY).await;
    assert_eq!((other.status.as_u16(), other.problem()), (422, "idempotency-key-reused"));
    assert_eq!(app.published().await, ["Booked"]);
    app.settled().await;
}

#[tokio::test]
async fn equal_keys_of_two_customers_are_two_keys() {
    let app = App::new().await;
    let mut ids = HashSet::new();
    for customer in [Some(1), Some(2), None] {
        for _ in 0..2 {
            let order = json!({"qty": 1, "customerId": customer});
            let answer = app.client.post_with("/books", order, &KEY).await;
            assert_eq!(answer.status, 201, "{customer:?}");
            ids.insert(answer.body["id"].as_i64().unwrap());
        }
    }
    assert_eq!(ids.len(), 3);
    app.settled().await;
}

/// On SQLite there is one writer at a time, so no other transaction writes between two statements.
#[tokio::test(flavor = "multi_thread")]
async fn key_deleted_during_a_repeated_request_is_a_new_key() {
    let app = App::new().await;
    let db = app.scratch.db.clone();
    let forgetting = tokio::spawn(async move {
        for _ in 0..400 {
            let mut tx = db.begin().await.unwrap();
            tx.execute(query("DELETE FROM request_keys")).await.unwrap();
            tx.commit().await.unwrap();
        }
    });
    while !forgetting.is_finished() {
        let answers = join_all((0..4).map(|_| app.client.post_with("/books", json!({"qty": 1}), &KEY))).await;
        for answer in answers {
            assert_eq!(answer.status, 201, "{}", answer.body);
        }
    }
    forgetting.await.unwrap();
    app.settled().await;
}

#[tokio::test]
async fn key_is_visible_ascii_with_a_maximum_length() {
    let app = App::new().await;
    let long = "x".repeat(129);
    for wrong in ["", "a b", "ключ", &long] {
        let answer = app.client.post_with("/books", soul(), &[("idempotency-key", wrong)]).await;
        assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec!["/Idempotency-Key"]), "{wrong}");
    }
    app.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hundred_concurrent_repeats_make_one_booking_and_one_payment() {
    let payment = FakeUpstream::does(|| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
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
    assert_eq!(app.published().await, ["Booked"]);
    app.settled().await;
}

#[tokio::test]
async fn repeated_request_pays_for_its_held_booking() {
    let (payment, works) = recovering_payment().await;
    let app = App::beside(payment).await;
    assert_eq!(app.client.post_with("/books", soul(), &KEY).await.status, 202);
    works.store(true, Ordering::SeqCst);
    assert_eq!(app.client.post_with("/books", soul(), &KEY).await.status, 201);
    assert_eq!(app.client.get("/books").await.body["page"]["totalElements"], 1);
    app.settled().await;
}

#[tokio::test]
async fn repeated_request_gets_its_ended_booking() {
    for (status, how) in [("Canceled", "paid"), ("Canceled", "held"), ("Expired", "held")] {
        let payment = match how {
            "paid" => FakeUpstream::answers(201, json!({})).await,
            _ => FakeUpstream::refuses(),
        };
        let app = App::beside(payment).await;
        let first = app.client.post_with("/books", soul(), &KEY).await;
        let id = first.body["id"].as_i64().unwrap();
        match status {
            "Expired" => {
                app.end_holds();
                app.reconciler.run_once().await.unwrap();
            }
            _ => {
                app.client.delete(&format!("/books/{id}")).await;
                app.deliver(payment_canceled(id)).await;
            }
        }
        let again = app.client.post_with("/books", soul(), &KEY).await;
        assert_eq!((again.status.as_u16(), &again.body["status"]), (200, &json!(status)), "{how}");
        let booking = app.client.get(&format!("/books/{id}")).await;
        assert_eq!(again.body, booking.body);
        // It still cannot be paid, and another key makes another booking.
        assert_eq!(app.client.post(&format!("/books/{id}/payment"), json!({})).await.status, 409);
        let another = app.client.post_with("/books", soul(), &[("idempotency-key", "k-2")]).await;
        assert_eq!((another.status, &another.body["id"]), (first.status, &json!(id + 1)));
        app.settled().await;
    }
}

#[tokio::test]
async fn repeated_declined_request_is_declined() {
    let app = App::beside(FakeUpstream::answers(402, json!({})).await).await;
    for _ in 0..2 {
        let answer = app.client.post_with("/books", soul(), &KEY).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (402, "payment-declined"));
    }
    assert_eq!(app.payment.requests().len(), 1);
    assert_eq!(app.published().await, ["HoldExpired"]);
    app.settled().await;
}

#[tokio::test]
async fn refused_request_keeps_no_key() {
    let app = App::new().await;
    app.book().await;
    assert_eq!(app.client.post_with("/books", soul(), &KEY).await.status, 409);
    let free = json!({"movieName": "soul", "seat": "9Z"});
    assert_eq!(app.client.post_with("/books", free, &KEY).await.status, 201);
    app.settled().await;
}

#[tokio::test]
async fn key_is_deleted_after_a_day() {
    let app = App::new().await;
    app.client.post_with("/books", json!({"qty": 1}), &KEY).await;
    retention::prune(&app.scratch.db, &PRUNED).await.unwrap();
    assert_eq!(app.client.post_with("/books", json!({"qty": 2}), &KEY).await.status, 422);
    app.scratch.clock.advance(Duration::from_secs(24 * 3600));
    retention::prune(&app.scratch.db, &PRUNED).await.unwrap();
    assert_eq!(app.client.post_with("/books", json!({"qty": 2}), &KEY).await.status, 201);
    app.settled().await;
}

#[tokio::test]
async fn key_claimed_by_an_earlier_version_is_known() {
    let app = App::new().await;
    let order = json!({"movieName": "soul", "seat": "1A,2B", "qty": 2, "totalPrice": 10000, "customerId": 3});
    let first = app.client.post("/books", order.clone()).await;
    let mut tx = app.scratch.db.begin().await.unwrap();
    let claim = query(
        "INSERT INTO idempotency_keys (key, fingerprint, booking_id, created_at) VALUES ($1, 'raw', 1, $2)",
    );
    let (name, now) = (KEY[0].1.to_owned(), tx.now().as_microsecond());
    tx.execute(claim.bind(name).bind(now)).await.unwrap();
    tx.commit().await.unwrap();

    let again = app.client.post_with("/books", order, &KEY).await;
    assert_eq!((again.status.as_u16(), &again.body), (201, &first.body));
    let of_another = json!({"movieName": "soul", "seat": "3C", "customerId": 4});
    assert_eq!(app.client.post_with("/books", of_another, &KEY).await.body["id"], 2);
    app.settled().await;
}

//! Idempotency keys: a key identifies one request for a day.

use std::time::Duration;

use messaging::retention;
use payment::store::request_keys::PRUNED;
use serde_json::json;
use storage::{query, query_as};

use crate::app::{App, payment_request};
use crate::provider::Provider;

const HOUR: Duration = Duration::from_secs(3600);

impl App {
    async fn keys(&self) -> Vec<String> {
        let all = query_as("SELECT key FROM request_keys ORDER BY key");
        let rows: Vec<(String,)> = self.scratch.db.read().await.unwrap().fetch_all(all).await.unwrap();
        rows.into_iter().map(|(key,)| key).collect()
    }
}

#[tokio::test]
async fn same_key_and_body_get_the_same_payment() {
    for key in ["booking-1", "order-1"] {
        let app = App::new().await;
        let first = app.pay_with_key(key, &payment_request(1, 10_000)).await;
        assert_eq!(first.status, 201);
        for body in [payment_request(1, 10_000), json!({"totalPrice": "10000", "bookingId": "1"})] {
            let repeat = app.pay_with_key(key, &body).await;
            assert_eq!((repeat.status.as_u16(), repeat.body), (200, first.body.clone()), "{body}");
        }
        assert_eq!(app.published().await, ["Paid"]);
        app.settled().await;
    }
}

#[tokio::test]
async fn same_key_with_a_different_body_is_422_and_charges_nothing() {
    let app = App::new().await;
    app.pay_with_key("order-1", &payment_request(1, 10_000)).await;
    for body in [payment_request(1, 9_999), payment_request(2, 10_000)] {
        let answer = app.pay_with_key("order-1", &body).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (422, "idempotency-key-reused"), "{body}");
    }
    assert_eq!(app.total().await, 1);
    assert_eq!(app.published().await, ["Paid"]);
    assert_eq!(app.provider.requests(), 1);
    app.settled().await;
}

#[tokio::test]
async fn keys_of_the_fleet_are_not_stored() {
    let app = App::new().await;
    app.pay_with_key("booking-1", &payment_request(1, 10_000)).await;
    assert_eq!(app.keys().await, [""; 0]);
    let answer = app.pay_with_key("booking-1", &payment_request(1, 9_999)).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "payment-conflict"));
    app.settled().await;
}

#[tokio::test]
async fn key_of_the_fleet_is_refused_for_another_booking() {
    let app = App::new().await;
    let answer = app.pay_with_key("booking-7", &payment_request(1, 10_000)).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (422, "idempotency-key-reused"));
    assert_eq!(app.total().await, 0);
    assert_eq!(app.pay_with_key("booking-7", &payment_request(7, 10_000)).await.status, 201);
    app.settled().await;
}

#[tokio::test]
async fn one_of_two_concurrent_bodies_with_one_key_is_paid() {
    let app = App::with_provider(Provider::with_latency(Duration::from_millis(50)).await).await;
    let (one, two) = (payment_request(1, 100), payment_request(2, 100));
    let (first, second) = tokio::join!(app.pay_with_key("key", &one), app.pay_with_key("key", &two));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422]);
    assert_eq!(app.published().await, ["Paid"]);
    app.settled().await;
}

#[tokio::test]
async fn repeated_request_with_a_new_key_claims_that_key() {
    let app = App::new().await;
    app.pay(1).await;
    assert_eq!(app.pay_with_key("later", &payment_request(1, 10_000)).await.status, 200);
    let answer = app.pay_with_key("later", &payment_request(2, 10_000)).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (422, "idempotency-key-reused"));
    assert_eq!(app.keys().await, ["later"]);
    app.settled().await;
}

#[tokio::test]
async fn key_of_a_declined_payment_is_only_for_the_same_request() {
    let app = App::with_provider(Provider::declining_over(10).await).await;
    for _ in 0..2 {
        assert_eq!(app.pay_with_key("key", &payment_request(1, 11)).await.status, 402);
    }
    assert_eq!(app.pay_with_key("key", &payment_request(1, 10)).await.problem(), "idempotency-key-reused");
    assert_eq!(app.pay_with_key("another", &payment_request(2, 10)).await.status, 201);
    app.settled().await;
}

#[tokio::test]
async fn invalid_key_is_422_with_the_header() {
    let app = App::new().await;
    for key in ["", "two words", &"k".repeat(129)] {
        let answer = app.pay_with_key(key, &payment_request(1, 10_000)).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (422, "invalid-field"), "{key}");
        assert_eq!(answer.pointers(), ["/Idempotency-Key"], "{key}");
    }
    assert_eq!(app.total().await, 0);
    app.settled().await;
}

#[tokio::test]
async fn keys_are_deleted_after_a_day() {
    let app = App::new().await;
    for (booking, hours) in [(1, 0), (3, 1), (4, 23), (2, 0)] {
        app.pay_with_key(&format!("order-{booking}"), &payment_request(booking, 10_000)).await;
        app.scratch.clock.advance(HOUR * hours);
    }

    retention::prune(&app.scratch.db, &PRUNED).await.unwrap();
    assert_eq!(app.keys().await, ["order-2", "order-4"]);
    app.settled().await;
}

#[tokio::test]
async fn key_claimed_by_the_previous_version_is_known_for_a_day() {
    let app = App::new().await;
    let mut tx = app.scratch.db.begin().await.unwrap();
    let bind = query(
        "INSERT INTO idempotency_keys (idempotency_key, fingerprint, created_at)
         VALUES ('order-1', 'bookingId=1&totalPrice=10000', $1)",
    );
    let now = tx.now().as_microsecond();
    tx.execute(bind.bind(now)).await.unwrap();
    tx.commit().await.unwrap();

    let other = app.pay_with_key("order-1", &payment_request(2, 10_000)).await;
    assert_eq!((other.status.as_u16(), other.problem()), (422, "idempotency-key-reused"));
    assert_eq!(app.pay_with_key("order-1", &payment_request(1, 10_000)).await.status, 201);
    app.scratch.clock.advance(HOUR * 24);
    retention::prune(&app.scratch.db, &PRUNED).await.unwrap();
    assert_eq!(app.pay_with_key("order-1", &payment_request(2, 10_000)).await.status, 201);
    app.settled().await;
}

/// Only a server puts this to the test: SQLite has one writer at a time, so nothing happens between two
/// statements.
#[tokio::test(flavor = "multi_thread")]
async fn key_deleted_during_a_repeated_request_is_a_new_key() {
    let app = App::new().await;
    let db = app.scratch.db.clone();
    let deleting = tokio::spawn(async move {
        for _ in 0..200 {
            let mut tx = db.begin().await.unwrap();
            tx.execute(query("DELETE FROM request_keys")).await.unwrap();
            tx.commit().await.unwrap();
        }
    });
    while !deleting.is_finished() {
        let answer = app.pay_with_key("order-1", &payment_request(1, 10_000)).await;
        assert!([200, 201].contains(&answer.status.as_u16()), "{}", answer.body);
    }
    deleting.await.unwrap();
    app.settled().await;
}

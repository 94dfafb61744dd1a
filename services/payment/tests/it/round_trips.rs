//! The number of statements of a payment: on a server, each one is a round trip.

use serde_json::json;
use test_kit::scratch::statements_of;

use crate::app::{App, hold_expired, payment_request};

/// The read that finds no payment yet; BEGIN, the payment, its event, COMMIT.
const PAYING: u64 = 5;
/// The read that finds the payment.
const REPEATING: u64 = 1;
/// BEGIN, the key and its fingerprint, COMMIT.
const CLAIMING: u64 = 3;
/// BEGIN, the inbox, the tombstone, COMMIT.
const EXPIRING: u64 = 4;

#[tokio::test]
async fn payment_takes_five_statements_and_a_repeated_one_takes_one() {
    let app = App::new().await;
    let db = app.scratch.db.clone();
    // The key that book sends.
    let (first, paying) =
        statements_of(&db, app.pay_with_key("booking-1", &payment_request(1, 10_000))).await;
    let (repeated, repeating) =
        statements_of(&db, app.pay_with_key("booking-1", &payment_request(1, 10_000))).await;
    assert_eq!((first.status.as_u16(), repeated.status.as_u16()), (201, 200));
    assert_eq!((paying, repeating), (PAYING, REPEATING));
    app.settled().await;
}

#[tokio::test]
async fn key_of_a_client_takes_another_transaction() {
    let app = App::new().await;
    let db = app.scratch.db.clone();
    let (answer, paying) = statements_of(&db, app.pay_with_key("order-1", &payment_request(1, 10_000))).await;
    assert_eq!((answer.status.as_u16(), paying), (201, CLAIMING + PAYING));
    app.settled().await;
}

#[tokio::test]
async fn declined_payment_takes_one_statement() {
    let app = App::new().await;
    let body = json!({"bookingId": 1, "totalPrice": 10_000, "paymentToken": "tok_declined"});
    let (answer, declining) = statements_of(&app.scratch.db, app.client.post("/payments", body)).await;
    assert_eq!((answer.status.as_u16(), declining), (402, 1));
    app.settled().await;
}

#[tokio::test]
async fn expired_hold_takes_four_statements() {
    let app = App::new().await;
    let ((), expiring) = statements_of(&app.scratch.db, app.deliver(hold_expired(1))).await;
    assert_eq!(expiring, EXPIRING);
    app.settled().await;
}

#[tokio::test]
async fn idle_refunder_takes_one_statement() {
    let app = App::new().await;
    app.pay(1).await;
    let (outcome, idling) = statements_of(&app.scratch.db, app.refunder.run_once()).await;
    outcome.unwrap();
    assert_eq!(idling, 1);
    app.settled().await;
}

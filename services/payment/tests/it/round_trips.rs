//! What a payment costs the database: each statement is a round trip to a server.

use serde_json::json;
use test_kit::scratch::statements_of;

use crate::app::{App, demand, hold_expired};

/// The read that finds no payment yet; BEGIN, the payment, its event, COMMIT.
const PAYING: u64 = 5;
/// The read that finds the payment.
const REPEATING: u64 = 1;
/// BEGIN, the key and its fingerprint, COMMIT.
const BINDING: u64 = 3;
/// BEGIN, the inbox, the tombstone, COMMIT.
const GIVING_UP: u64 = 4;

#[tokio::test]
async fn payment_takes_five_statements_and_its_repeat_one() {
    let app = App::new().await;
    let db = app.scratch.db.clone();
    // As book names it.
    let (first, paying) = statements_of(&db, app.pay_as("booking-1", &demand(1, 10_000))).await;
    let (again, repeating) = statements_of(&db, app.pay_as("booking-1", &demand(1, 10_000))).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
    assert_eq!((paying, repeating), (PAYING, REPEATING));
    app.settled().await;
}

#[tokio::test]
async fn key_of_a_clients_own_costs_a_payment_one_more_transaction() {
    let app = App::new().await;
    let db = app.scratch.db.clone();
    let (answer, paying) = statements_of(&db, app.pay_as("order-1", &demand(1, 10_000))).await;
    assert_eq!((answer.status.as_u16(), paying), (201, BINDING + PAYING));
    app.settled().await;
}

#[tokio::test]
async fn payment_that_is_declined_is_only_looked_for() {
    let app = App::new().await;
    let body = json!({"bookingId": 1, "totalPrice": 10_000, "paymentToken": "tok_declined"});
    let (answer, declining) = statements_of(&app.scratch.db, app.client.post("/payments", body)).await;
    assert_eq!((answer.status.as_u16(), declining), (402, 1));
    app.settled().await;
}

#[tokio::test]
async fn hold_that_expired_takes_four_statements() {
    let app = App::new().await;
    let ((), giving_up) = statements_of(&app.scratch.db, app.deliver(hold_expired(1))).await;
    assert_eq!(giving_up, GIVING_UP);
    app.settled().await;
}

#[tokio::test]
async fn look_of_the_refunder_at_nothing_takes_one_statement() {
    let app = App::new().await;
    app.pay(1).await;
    let (looked, looking) = statements_of(&app.scratch.db, app.refunder.look()).await;
    looked.unwrap();
    assert_eq!(looking, 1);
    app.settled().await;
}

//! How many statements a paid booking costs book's database: each is a round trip to a server.

use serde_json::json;
use test_kit::scratch::statements_of;

use crate::app::{App, paid, small_hall};

/// BEGIN, the key, the booking, the key's booking, the seats, COMMIT; after the payment BEGIN, the booking,
/// its event, COMMIT.
const BOOKING: u64 = 10;
/// The screening with the prices of its seats.
const SCREENING: u64 = 1;
/// A server also locks the customer.
const LOCKS: u64 = 1;
/// BEGIN, the key, ROLLBACK; BEGIN, the booking, COMMIT.
const REPEATING: u64 = 6;
/// `Paid` after the response to the payment: BEGIN, the inbox, the booking before and after, COMMIT.
const CONFIRMING: u64 = 5;

#[tokio::test]
async fn booking_of_a_movie_with_seats_and_a_key_takes_ten_statements() {
    let app = App::new().await;
    let request = json!({"movieName": "soul", "seat": "1A,2B", "totalPrice": 10_000, "customerId": 33});
    let book = app.client.post_with("/books", request, &[("idempotency-key", "order-1")]);
    let (booked, statements) = statements_of(&app.scratch.db, book).await;
    assert_eq!((booked.status.as_u16(), statements), (201, BOOKING), "{}", booked.body);
    app.settled().await;
}

#[tokio::test]
async fn booking_of_a_screening_takes_one_statement_more_and_a_lock() {
    let app = App::new().await;
    let db = app.scratch.db.clone();
    let screening = app.announce(small_hall()).await;
    let order = json!({"screeningId": screening, "seat": "1A,2B", "customerId": 33});
    let request =
        async || app.client.post_with("/books", order.clone(), &[("idempotency-key", "order-1")]).await;
    let (first, booking) = statements_of(&db, request()).await;
    let (again, repeating) = statements_of(&db, request()).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201), "{} {}", first.body, again.body);
    let id = first.body["id"].as_i64().unwrap();
    let ((), confirming) = statements_of(&db, app.deliver(paid(id, 27_000))).await;
    let locks = if db.is_shared() { LOCKS } else { 0 };
    let expected = (BOOKING + SCREENING + locks, REPEATING, CONFIRMING);
    assert_eq!((booking, repeating, confirming), expected);
    app.settled().await;
}

//! What a paid booking costs book's database: each statement is a round trip to a server.

use serde_json::json;
use test_kit::scratch::statements_of;

use crate::app::{App, paid, small_hall};

/// A booking with a screening, seats, a customer and a key takes these statements. BEGIN, two for the key, the
/// screening, its prices, the customer's share, the booking, the key's booking, the seats, COMMIT; after the payment BEGIN, the
/// booking before and after, its event, COMMIT.
const BOOKING: u64 = 15;
/// A server also locks the customer.
const LOCKS: u64 = 1;
/// BEGIN, the key, ROLLBACK; BEGIN, the booking, COMMIT.
const REPEATING: u64 = 6;
/// Of `Paid`, after the answer to the payment: BEGIN, the inbox, the booking before and after, COMMIT.
const HEARING: u64 = 5;

#[tokio::test]
async fn paid_booking_with_all_that_it_can_have_takes_fifteen_statements() {
    let app = App::new().await;
    let db = app.scratch.db.clone();
    let screening = app.announce(small_hall()).await;
    let wish = json!({"screeningId": screening, "seat": "1A,2B", "customerId": 33});
    let request =
        async || app.client.post_with("/books", wish.clone(), &[("idempotency-key", "order-1")]).await;
    let (first, booking) = statements_of(&db, request()).await;
    let (again, repeating) = statements_of(&db, request()).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201), "{} {}", first.body, again.body);
    let id = first.body["id"].as_i64().unwrap();
    let ((), hearing) = statements_of(&db, app.deliver(paid(id, 27_000))).await;
    let locks = if db.is_shared() { LOCKS } else { 0 };
    assert_eq!((booking, repeating, hearing), (BOOKING + locks, REPEATING, HEARING));
    app.settled().await;
}

//! After the start of a screening, its bookings are neither paid nor canceled.

use serde_json::json;
use storage::query_as;
use test_kit::{Answer, FakeUpstream};

use crate::app::{App, payment_canceled, recovering_payment, small_hall};

fn refusal(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.problem())
}

async fn book(app: &App, seat: &str, pay_later: bool) -> Answer {
    let order = json!({"screeningId": 1, "seat": seat, "payLater": pay_later});
    app.client.post("/books", order).await
}

#[tokio::test]
async fn held_booking_cannot_be_paid_after_the_start() {
    let (payment, works) = recovering_payment().await;
    let app = App::beside(payment).await;
    app.announce(small_hall()).await;
    assert_eq!(book(&app, "1A", false).await.status, 202);
    assert_eq!(book(&app, "2A", true).await.status, 202);
    works.store(true, std::sync::atomic::Ordering::SeqCst);
    app.start_screening();
    let answer = app.client.post("/books/1/payment", json!({})).await;
    assert_eq!(refusal(&answer), (409, "screening-started"));
    // The reconciler does not pay for it either.
    app.reconciler.run_once().await.unwrap();
    assert_eq!([app.status(1).await, app.status(2).await], ["PaymentPending", "PaymentPending"]);
    app.expire_holds_in_doubt(&app.reconciler).await;
    assert_eq!([app.status(1).await, app.status(2).await], ["Expired", "Expired"]);
    assert_eq!(app.published().await, ["Held", "Held", "HoldExpired", "HoldExpired"]);
    app.settled().await;
}

#[tokio::test]
async fn payment_begun_before_the_start_settles_and_can_be_repeated() {
    let app = App::new().await;
    app.announce(small_hall()).await;
    assert_eq!(book(&app, "1A", false).await.status, 201);
    app.start_screening();
    assert_eq!(app.client.post("/books/1/payment", json!({})).await.status, 201);
    app.settled().await;
}

#[tokio::test]
async fn booking_cannot_be_canceled_after_the_start() {
    let app = App::new().await;
    app.announce(small_hall()).await;
    book(&app, "1A", false).await;
    app.start_screening();
    assert_eq!(refusal(&app.client.delete("/books/1").await), (409, "screening-started"));
    let patched = app.client.patch("/books/1", json!({"status": "Canceled"})).await;
    assert_eq!(refusal(&patched), (409, "screening-started"));
    assert_eq!(app.status(1).await, "Registered");
    assert_eq!(app.published().await, ["Booked"]);
    app.settled().await;
}

#[tokio::test]
async fn cancel_begun_before_the_start_continues() {
    let app = App::new().await;
    app.announce(small_hall()).await;
    book(&app, "1A", false).await;
    assert_eq!(app.client.delete("/books/1").await.status, 202);
    app.start_screening();
    assert_eq!(app.client.delete("/books/1").await.status, 202);
    app.deliver(payment_canceled(1)).await;
    assert_eq!(app.client.delete("/books/1").await.status, 204);
    app.settled().await;
}

#[tokio::test]
async fn hold_ends_when_the_screening_starts() {
    let app = App::beside(FakeUpstream::refuses()).await;
    let mut soon = small_hall();
    let start = jiff::Timestamp::now() + std::time::Duration::from_secs(120);
    soon["startsAt"] = start.to_string().into();
    app.announce(soon).await;
    assert_eq!(book(&app, "1A", false).await.status, 202);
    let find = query_as("SELECT held_until, (SELECT starts_at FROM screenings) FROM bookings");
    let (held_until, starts_at): (i64, i64) =
        app.scratch.db.read().await.unwrap().fetch_one(find).await.unwrap();
    assert_eq!(held_until, starts_at);
    app.settled().await;
}

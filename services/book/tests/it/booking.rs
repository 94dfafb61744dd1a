//! Booking: the order, the payment, and every outcome of the payment.

use std::sync::Arc;

use events::Event;
use serde_json::json;
use storage::{Db, Settings, Tx, query};
use test_kit::log::Log;
use test_kit::{FakeUpstream, fleet};
use tokio::sync::{Mutex, OnceCell};

use crate::app::{App, paid, soul};

#[tokio::test]
async fn paid_booking_is_registered_and_published() {
    let app = App::new().await;
    let answer = app.client.post("/books", soul()).await;
    assert_eq!(answer.status, 201);
    let link = json!({"href": "http://cinema/books/1"});
    assert_eq!(
        answer.body,
        json!({
            "id": 1, "movieName": "soul", "seat": "1A,2B", "qty": 2, "totalPrice": 10000, "name": "CGV",
            "status": "Registered", "customerId": null,
            "_links": {
                "book": link, "self": link,
                "mypage": {"href": "http://cinema/mypages/1"},
                "payment": {"href": "http://cinema/payments/search/findByBookingId?bookingId=1"},
                "ticket": {"href": "http://cinema/tickets/1"},
            },
        })
    );
    assert_eq!(answer.header("location"), "http://cinema/books/1");
    let asked = json!({"bookingId": 1, "status": "Paid", "totalPrice": 10000});
    assert_eq!(app.payment.requests(), [asked]);
    let Event::Booked(booked) = &fleet::outbox(&app.scratch.db).await[0] else {
        panic!("Booked comes first");
    };
    assert_eq!(booked.seat.as_deref(), Some("1A,2B"));
    assert_eq!(booked.status.as_deref(), Some("Registered"));
    app.settled().await;
}

#[tokio::test]
async fn numbers_may_be_text_as_httpie_and_siege_send_them() {
    let app = App::new().await;
    let body =
        json!({"qty": "2", "movieName": "soul", "seat": "1a, 2b", "totalPrice": "10000", "customerId": "33"});
    let answer = app.client.post("/books", body).await;
    assert_eq!(answer.status, 201);
    assert_eq!((&answer.body["qty"], &answer.body["totalPrice"]), (&json!(2), &json!(10000)));
    assert_eq!((&answer.body["seat"], &answer.body["customerId"]), (&json!("1A,2B"), &json!(33)));

    let siege = app.client.post("/books", json!({"qty": "3"})).await;
    assert_eq!((siege.status.as_u16(), &siege.body["qty"]), (201, &json!(3)));
    assert_eq!(siege.body["movieName"], json!(null));
    app.settled().await;
}

#[tokio::test]
async fn declined_booking_is_402() {
    let app = App::beside(FakeUpstream::answers(402, json!({})).await).await;
    let answer = app.client.post("/books", soul()).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (402, "payment-declined"));
    assert_eq!(app.status(1).await, "Declined");
    assert_eq!(app.published().await, ["HoldExpired"], "a charge that still arrives is refunded");
    app.settled().await;
}

#[tokio::test]
async fn payment_of_unknown_outcome_is_202_and_settled_by_paid() {
    for payment in [
        FakeUpstream::hangs().await,
        FakeUpstream::breaks_off().await,
        FakeUpstream::answers(500, json!({})).await,
        FakeUpstream::answers(404, json!({})).await,
    ] {
        let app = App::beside(payment).await;
        let answer = app.client.post("/books", soul()).await;
        assert_eq!(answer.status, 202);
        assert_eq!(answer.body["status"], "PaymentPending");
        assert_eq!(answer.header("location"), "http://cinema/books/1");
        assert_eq!(app.published().await, ["Held"]);

        app.deliver(paid(1, 10_000)).await;
        assert_eq!(app.status(1).await, "PaidComplete");
        assert_eq!(app.published().await, ["Held", "Booked"]);
        app.settled().await;
    }
}

/// Between the payment and the settlement, the booking's row is locked for longer than a statement may take.
#[tokio::test]
async fn paid_booking_that_cannot_be_settled_is_202_and_settled_by_paid() {
    let database: Arc<OnceCell<Db>> = Arc::default();
    let lock: Arc<Mutex<Option<Tx>>> = Arc::default();
    let (other, held) = (database.clone(), lock.clone());
    let payment = FakeUpstream::does(move || {
        let (other, held) = (other.clone(), held.clone());
        async move {
            let mut tx = other.get().unwrap().begin().await.unwrap();
            tx.execute(query("UPDATE bookings SET status = status")).await.unwrap();
            *held.lock().await = Some(tx);
            (201, json!({}))
        }
    })
    .await;
    let app = App::beside(payment).await;
    database.set(Db::open(&app.scratch.backends.database_url, Settings::default()).await.unwrap()).unwrap();

    let answer = app.client.post("/books", soul()).await;
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (202, &json!("PaymentPending")));

    drop(lock.lock().await.take());
    app.deliver(paid(1, 10_000)).await;
    assert_eq!(app.status(1).await, "PaidComplete");
    assert_eq!(app.published().await, ["Booked"]);
    app.settled().await;
}

#[tokio::test]
async fn payment_of_another_amount_settles_nothing() {
    let app = App::beside(FakeUpstream::breaks_off().await).await;
    let id = app.book().await;
    let (log, _guard) = Log::capture();
    let warnings = || log.lines_with("another amount was paid than is due");
    app.deliver(paid(id, 1)).await;
    assert_eq!(app.status(id).await, "PaymentPending");
    assert_eq!(app.published().await, ["Held"]);
    assert!(warnings().len() == 1 && warnings()[0]["due"] == 10_000, "{:?}", warnings());
    app.deliver(paid(id, 10_000)).await;
    assert_eq!((app.status(id).await.as_str(), warnings().len()), ("PaidComplete", 1));
    app.settled().await;
}

#[tokio::test]
async fn paid_confirms_a_registered_booking_once() {
    let app = App::new().await;
    let id = app.book().await;
    app.deliver(paid(id, 10_000)).await;
    app.deliver(paid(id, 10_000)).await;
    assert_eq!(app.status(id).await, "PaidComplete");
    assert_eq!(app.published().await, ["Booked"]);
    app.settled().await;
}

#[tokio::test]
async fn redelivered_event_is_applied_once() {
    let app = App::beside(FakeUpstream::breaks_off().await).await;
    let id = app.book().await;
    let record = fleet::record(&paid(id, 10_000).into());
    app.consumer.apply_together(std::slice::from_ref(&record)).await.unwrap();
    app.consumer.apply_together(&[record.clone(), record]).await.unwrap();
    assert_eq!(app.published().await, ["Held", "Booked"]);
    app.settled().await;
}

#[tokio::test]
async fn payment_for_an_unknown_booking_is_ignored() {
    let app = App::new().await;
    app.deliver(paid(99, 10_000)).await;
    assert_eq!(app.client.get("/books/99").await.status, 404);
    app.settled().await;
}

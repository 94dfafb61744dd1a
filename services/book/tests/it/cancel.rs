//! Cancels: a saga that the ticket service decides and the refund ends.

use std::time::Duration;

use serde_json::json;
use test_kit::{FakeUpstream, fleet};

use crate::app::{App, cancel_rejected, paid, payment_canceled, printed, soul};

#[tokio::test]
async fn cancel_is_accepted_and_ends_with_the_refund() {
    let app = App::new().await;
    let id = app.book().await;
    let answer = app.client.delete(&format!("/books/{id}")).await;
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (202, &json!("Canceling")));
    assert_eq!(answer.header("location"), format!("http://cinema/books/{id}"));

    app.deliver(paid(id, 10_000)).await;
    app.deliver(payment_canceled(id)).await;
    assert_eq!(app.status(id).await, "Canceled");
    let canceled = app.client.get(&format!("/books/{id}")).await.body;
    assert_eq!(canceled["_links"]["ticket"]["href"], format!("http://cinema/tickets/{id}"), "it is void");
    let again = app.client.delete(&format!("/books/{id}")).await;
    assert_eq!(again.status, 204);
    assert_eq!(app.published().await, ["Booked", "CancelRequested", "Canceled"]);
    app.settled().await;
}

#[tokio::test]
async fn cancel_that_ends_during_its_request_is_204() {
    let payment = FakeUpstream::answers(201, json!({})).await;
    let app = App::with_cancel_wait(payment, Duration::from_secs(60)).await;
    let id = app.book().await;
    let client = app.client.clone();
    let waiting = tokio::spawn(async move { client.delete(&format!("/books/{id}")).await });
    while app.status(id).await != "Canceling" {
        tokio::task::yield_now().await;
    }
    app.deliver(payment_canceled(id)).await;
    assert_eq!(waiting.await.unwrap().status, 204);
    app.settled().await;
}

#[tokio::test]
async fn cancel_that_is_rejected_during_its_request_is_409() {
    let payment = FakeUpstream::answers(201, json!({})).await;
    let app = App::with_cancel_wait(payment, Duration::from_secs(60)).await;
    let id = app.book().await;
    app.deliver(paid(id, 10_000)).await;
    let client = app.client.clone();
    let waiting = tokio::spawn(async move { client.delete(&format!("/books/{id}")).await });
    while app.status(id).await != "Canceling" {
        tokio::task::yield_now().await;
    }
    app.deliver(cancel_rejected(id)).await;
    let answer = waiting.await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "ticket-already-collected"));
    assert_eq!(app.status(id).await, "PaidComplete");
    app.settled().await;
}

#[tokio::test]
async fn concurrent_requests_to_cancel_get_the_same_end() {
    let payment = FakeUpstream::answers(201, json!({})).await;
    let app = App::with_cancel_wait(payment, Duration::from_secs(60)).await;
    let (id, other) =
        (app.book().await, app.client.post("/books", json!({"qty": 1})).await.body["id"].clone());
    let path = format!("/books/{id}");
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let (client, path) = (app.client.clone(), path.clone());
            tokio::spawn(async move { client.delete(&path).await })
        })
        .collect();
    while app.status(id).await != "Canceling" {
        tokio::task::yield_now().await;
    }
    app.deliver(printed(other.as_i64().unwrap())).await;
    app.deliver(payment_canceled(id)).await;
    for waiter in waiting {
        assert_eq!(waiter.await.unwrap().status, 204);
    }
    app.settled().await;
}

#[tokio::test]
async fn collected_ticket_is_not_canceled() {
    let app = App::new().await;
    let id = app.book().await;
    app.deliver(printed(id)).await;
    let answer = app.client.delete(&format!("/books/{id}")).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "ticket-already-collected"));
    assert_eq!(app.status(id).await, "PrintComplete");
    assert_eq!(app.published().await, ["Booked"]);
    app.settled().await;
}

#[tokio::test]
async fn second_cancel_publishes_nothing() {
    let app = App::new().await;
    let id = app.book().await;
    app.client.delete(&format!("/books/{id}")).await;
    let again = app.client.delete(&format!("/books/{id}")).await;
    assert_eq!(again.status, 202);
    assert_eq!(app.published().await, ["Booked", "CancelRequested"]);
    app.settled().await;
}

#[tokio::test]
async fn delete_repeated_after_a_pause_publishes_the_cancel_again() {
    let app = App::new().await;
    let id = app.book().await;
    app.client.delete(&format!("/books/{id}")).await;
    app.scratch.clock.advance(Duration::from_secs(10));
    for _ in 0..3 {
        assert_eq!(app.client.delete(&format!("/books/{id}")).await.status, 202);
    }
    assert_eq!(app.published().await, ["Booked", "CancelRequested", "CancelRequested"]);
    app.deliver(payment_canceled(id)).await;
    assert_eq!(app.client.delete(&format!("/books/{id}")).await.status, 204);
    app.settled().await;
}

/// The pause counts from the last `CancelRequested`, not from the last request.
#[tokio::test]
async fn delete_that_publishes_nothing_does_not_postpone_the_next_cancel() {
    let app = App::new().await;
    let path = format!("/books/{}", app.book().await);
    assert_eq!(app.client.delete(&path).await.status, 202);
    for _ in 0..2 {
        app.scratch.clock.advance(Duration::from_secs(2));
        assert_eq!(app.client.delete(&path).await.status, 202);
    }
    assert_eq!(app.published().await, ["Booked", "CancelRequested", "CancelRequested"]);
    app.settled().await;
}

#[tokio::test]
async fn canceled_pending_booking_ends_at_once_and_is_refunded() {
    let app = App::beside(FakeUpstream::breaks_off().await).await;
    let id = app.book().await;
    assert_eq!(app.client.delete(&format!("/books/{id}")).await.status, 204);
    app.deliver(paid(id, 10_000)).await;
    app.deliver(payment_canceled(id)).await;
    assert_eq!(app.status(id).await, "Canceled");
    assert_eq!(app.published().await, ["Held", "HoldExpired"]);
    app.settled().await;
}

#[tokio::test]
async fn declined_booking_cannot_be_canceled() {
    let app = App::beside(FakeUpstream::answers(402, json!({})).await).await;
    app.client.post("/books", soul()).await;
    let answer = app.client.delete("/books/1").await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "booking-declined"));
    app.settled().await;
}

#[tokio::test]
async fn patch_cancels_and_rejects_other_statuses() {
    let app = App::new().await;
    let id = app.book().await;
    let path = format!("/books/{id}");
    for wrong in [json!({"status": "Printed"}), json!({}), json!({"status": null})] {
        let answer = app.client.patch(&path, wrong).await;
        assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec!["/status"]));
    }
    assert_eq!(app.client.patch(&path, json!({"status": "Canceled"})).await.status, 202);
    app.deliver(payment_canceled(id)).await;
    let ended = app.client.patch(&path, json!({"status": "Canceled"})).await;
    assert_eq!((ended.status.as_u16(), &ended.body["status"]), (200, &json!("Canceled")));
    app.settled().await;
}

#[tokio::test]
async fn unknown_booking_cannot_be_canceled() {
    let app = App::new().await;
    let answer = app.client.delete("/books/7").await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not-found"));
    assert!(fleet::outbox(&app.scratch.db).await.is_empty());
    app.settled().await;
}

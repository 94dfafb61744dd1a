//! Every request to cancel is decided, and either the cancellation or the collection wins.

use events::Event;
use serde_json::json;
use test_kit::{FakeUpstream, fleet};

use crate::app::{App, booked, cancel_requested, outcome};

#[tokio::test]
async fn waiting_ticket_is_voided() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.deliver(cancel_requested(1)).await;
    assert_eq!(app.status(1).await, "Canceled");
    let Event::TicketCanceled(canceled) = &fleet::outbox(&app.scratch.db).await[1] else {
        panic!("the decision is not published");
    };
    assert_eq!((canceled.id.get(), canceled.booking_id.get()), (1, 1));
    assert_eq!(canceled.status.as_deref(), Some("Canceled"));
    app.settled().await;
}

#[tokio::test]
async fn void_ticket_is_not_collected_and_gets_no_points() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.deliver(cancel_requested(1)).await;
    let answer = app.collect(1).await;
    assert_eq!(outcome(&answer), (409, "ticket-canceled"));
    app.reconcile().await;
    assert_eq!(app.point.requests(), [json!(null); 0]);
    assert_eq!(app.published().await, ["Created", "TicketCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn collected_ticket_is_not_canceled() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.collect(1).await;
    app.deliver(cancel_requested(1)).await;
    assert_eq!(app.status(1).await, "Printed");
    let Event::CancelRejected(rejected) = &fleet::outbox(&app.scratch.db).await[2] else {
        panic!("the decision is not published");
    };
    assert_eq!(rejected.status.as_deref(), Some("Printed"));
    app.settled().await;
}

#[tokio::test]
async fn ticket_whose_points_were_requested_counts_as_collected() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.begin_and_crash(1).await;
    app.deliver(cancel_requested(1)).await;
    assert_eq!(app.status(1).await, "Printing");
    let Event::CancelRejected(rejected) = &fleet::outbox(&app.scratch.db).await[1] else {
        panic!("the decision is not published");
    };
    assert_eq!(rejected.status.as_deref(), Some("Printing"));
    app.settled().await;
}

#[tokio::test]
async fn each_request_to_cancel_publishes_the_decision() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.deliver(cancel_requested(1)).await;
    app.deliver(cancel_requested(1)).await;
    app.deliver(booked(2)).await;
    app.collect(2).await;
    app.deliver(cancel_requested(2)).await;
    app.deliver(cancel_requested(2)).await;
    assert_eq!(
        app.published().await,
        [
            "Created",
            "TicketCanceled",
            "TicketCanceled",
            "Created",
            "Printed",
            "CancelRejected",
            "CancelRejected"
        ]
    );
    app.settled().await;
}

#[tokio::test]
async fn redelivered_request_to_cancel_is_decided_once() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    let record = fleet::record(&cancel_requested(1).into());
    app.consumer.apply_together(&[record.clone(), record.clone()]).await.unwrap();
    app.consumer.apply_together(&[record]).await.unwrap();
    assert_eq!(app.published().await, ["Created", "TicketCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn cancel_before_its_booking_is_decided_and_shows_no_ticket() {
    let app = App::new().await;
    app.deliver(cancel_requested(1)).await;
    app.deliver(cancel_requested(1)).await;
    assert_eq!(outcome(&app.client.get("/tickets/1").await), (404, "not-found"));
    assert_eq!(outcome(&app.collect(1).await), (404, "not-found"));
    let found = app.client.get("/tickets/search/findByBookingId?bookingId=1").await;
    assert_eq!(found.body["_embedded"]["tickets"], json!([]));
    assert_eq!(app.published().await, ["TicketCanceled", "TicketCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn ticket_that_waits_again_can_be_canceled() {
    let app = App::beside(FakeUpstream::refuses()).await;
    app.deliver(booked(1)).await;
    app.collect(1).await;
    app.deliver(cancel_requested(1)).await;
    assert_eq!(app.status(1).await, "Canceled");
    assert_eq!(outcome(&app.collect(1).await), (409, "ticket-canceled"));
    assert_eq!(app.published().await, ["Created", "TicketCanceled"]);
    app.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn either_a_cancel_or_a_concurrent_collection_wins() {
    let app = App::new().await;
    for id in 1..=20 {
        app.deliver(booked(id)).await;
        let client = app.client.clone();
        let path = format!("/tickets/{id}");
        let collecting = tokio::spawn(async move { client.patch(&path, json!({"status": "Printed"})).await });
        app.deliver(cancel_requested(id)).await;
        let answer = collecting.await.unwrap();
        let events: Vec<_> = fleet::outbox(&app.scratch.db)
            .await
            .into_iter()
            .filter(|event| event.booking_id().get() == id)
            .collect();
        let published: Vec<_> = events.iter().map(Event::event_type).collect();
        let points = app.point.requests().iter().filter(|request| request["bookingId"] == id).count();
        if answer.status == 200 {
            assert!(published.contains(&"CancelRejected") && published.contains(&"Printed"), "{published:?}");
            assert_eq!(points, 1);
        } else {
            assert_eq!(outcome(&answer), (409, "ticket-canceled"));
            assert_eq!((published, points), (vec!["Created", "TicketCanceled"], 0));
        }
    }
    app.settled().await;
}

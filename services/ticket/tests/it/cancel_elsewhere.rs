//! `Canceled` without a request to this service, as the original Java book publishes it, and after such a
//! request.

use events::{Event, TicketId};
use serde_json::json;
use storage::query_as;
use test_kit::fleet;

use crate::app::{App, booked, cancel_requested, canceled, outcome};

#[tokio::test]
async fn cancel_from_elsewhere_voids_a_waiting_ticket_and_requests_its_refund() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.deliver(canceled(1)).await;
    assert_eq!(app.status(1).await, "Canceled");
    assert_eq!(outcome(&app.collect(1).await), (409, "ticket-canceled"));
    assert_eq!(app.point.requests(), [json!(null); 0]);
    let Event::TicketCanceled(voided) = &fleet::outbox(&app.scratch.db).await[1] else {
        panic!("TicketCanceled is not published");
    };
    assert_eq!((voided.id, voided.booking_id), (TicketId::from(booked(1).id), booked(1).id));
    app.settled().await;
}

#[tokio::test]
async fn end_of_a_requested_cancel_publishes_nothing() {
    // In order and redelivered; then without a request.
    for (events, published) in [
        (vec![false, true, true], ["Created", "TicketCanceled"]),
        (vec![true, true], ["Created", "TicketCanceled"]),
    ] {
        let app = App::new().await;
        app.deliver(booked(1)).await;
        for is_end in events {
            match is_end {
                true => app.deliver(canceled(1)).await,
                false => app.deliver(cancel_requested(1)).await,
            }
        }
        assert_eq!(app.published().await, published);
        assert_eq!(app.status(1).await, "Canceled");
        app.settled().await;
    }
}

#[tokio::test]
async fn request_to_cancel_after_the_cancel_is_decided_too() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.deliver(canceled(1)).await;
    app.deliver(cancel_requested(1)).await;
    assert_eq!(app.published().await, ["Created", "TicketCanceled", "TicketCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn cancel_from_elsewhere_does_not_change_a_collected_ticket() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.collect(1).await;
    app.deliver(booked(2)).await;
    app.begin_and_crash(2).await;
    let published = app.published().await;
    for id in [1, 2] {
        app.deliver(canceled(id)).await;
    }
    assert_eq!([app.status(1).await, app.status(2).await], ["Printed", "Printing"]);
    assert_eq!(app.published().await, published);
    app.reconcile().await;
    assert_eq!(app.status(2).await, "Printed");
    app.settled().await;
}

/// The Java services publish without a key, so `Booked` and `Canceled` may be in different partitions.
#[tokio::test]
async fn booking_after_its_cancel_from_elsewhere_gets_no_ticket() {
    let app = App::new().await;
    let end = fleet::record(&canceled(1).into());
    app.consumer.apply_together(&[end.clone(), end]).await.unwrap();
    app.deliver(canceled(1)).await;
    app.deliver(booked(1)).await;
    assert_eq!(outcome(&app.client.get("/tickets/1").await), (404, "not-found"));
    assert_eq!(app.published().await, ["TicketCanceled"], "the refund is requested once");
    app.settled().await;
}

/// Every write would set `updated_at`, by which the reconciler and the audit decide whether a ticket is due.
#[tokio::test]
async fn cancel_that_changes_nothing_writes_nothing() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.collect(1).await;
    let updated_at = async || -> (i64,) {
        let find = query_as("SELECT updated_at FROM tickets WHERE booking_id = 1");
        app.scratch.db.read().await.unwrap().fetch_one(find).await.unwrap()
    };
    let before = updated_at().await;
    app.deliver(canceled(1)).await;
    assert_eq!(updated_at().await, before);
    app.settled().await;
}

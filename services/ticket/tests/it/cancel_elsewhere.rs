//! `Canceled` without a cancel that was asked for here, as the original Java book publishes it; and after one that was.

use events::{Event, TicketId};
use serde_json::json;
use storage::query_as;
use test_kit::fleet;

use crate::app::{App, booked, cancel_requested, canceled, outcome};

#[tokio::test]
async fn cancel_from_elsewhere_voids_a_ticket_that_waits_and_has_its_money_returned() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.deliver(canceled(1)).await;
    assert_eq!(app.status(1).await, "Canceled");
    assert_eq!(outcome(&app.collect(1).await), (409, "ticket-canceled"));
    assert_eq!(app.point.requests(), [json!(null); 0]);
    let Event::TicketCanceled(voided) = &fleet::outbox(&app.scratch.db).await[1] else {
        panic!("payment is told");
    };
    assert_eq!((voided.id, voided.booking_id), (TicketId::from(booked(1).id), booked(1).id));
    app.settled().await;
}

#[tokio::test]
async fn end_of_a_cancel_of_ours_publishes_nothing() {
    // In order, as redelivered, and before the request that it ends.
    for (events, told) in [
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
        assert_eq!(app.told().await, told);
        assert_eq!(app.status(1).await, "Canceled");
        app.settled().await;
    }
}

#[tokio::test]
async fn request_that_comes_after_its_end_is_answered_all_the_same() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.deliver(canceled(1)).await;
    app.deliver(cancel_requested(1)).await;
    assert_eq!(app.told().await, ["Created", "TicketCanceled", "TicketCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn cancel_from_elsewhere_leaves_a_collected_ticket_as_it_is() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.collect(1).await;
    app.deliver(booked(2)).await;
    app.begin_and_crash(2).await;
    let told = app.told().await;
    for id in [1, 2] {
        app.deliver(canceled(id)).await;
    }
    assert_eq!([app.status(1).await, app.status(2).await], ["Printed", "Printing"]);
    assert_eq!(app.told().await, told);
    app.reconcile().await;
    assert_eq!(app.status(2).await, "Printed");
    app.settled().await;
}

/// The Java services write without a key, so the two may be in different partitions.
#[tokio::test]
async fn booking_that_comes_after_its_cancel_from_elsewhere_makes_no_ticket() {
    let app = App::new().await;
    let end = fleet::record(&canceled(1).into());
    app.consumer.apply_together(&[end.clone(), end]).await.unwrap();
    app.deliver(canceled(1)).await;
    app.deliver(booked(1)).await;
    assert_eq!(outcome(&app.client.get("/tickets/1").await), (404, "not-found"));
    assert_eq!(app.told().await, ["TicketCanceled"], "money that was taken goes back, once");
    app.settled().await;
}

/// A change would put off the reconciler, and a ticket's time is what the audit goes by.
#[tokio::test]
async fn cancel_that_changes_nothing_writes_nothing() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.collect(1).await;
    let written = async || -> (i64,) {
        let find = query_as("SELECT updated_at FROM tickets WHERE booking_id = 1");
        app.scratch.db.read().await.unwrap().fetch_one(find).await.unwrap()
    };
    let before = written().await;
    app.deliver(canceled(1)).await;
    assert_eq!(written().await, before);
    app.settled().await;
}

//! A paid booking gets one ticket, in whatever order and however often its events arrive.

use events::{BookingId, Event, Paid, PaymentId};
use serde_json::json;
use test_kit::fleet;

use crate::app::{App, booked, booked_at, cancel_requested};

#[tokio::test]
async fn paid_booking_gets_a_waiting_ticket_and_created_is_published() {
    let app = App::new().await;
    app.deliver(booked(7)).await;
    let link = json!({"href": "http://cinema/tickets/7"});
    assert_eq!(
        app.client.get("/tickets/7").await.body,
        json!({
            "id": 7, "bookingId": 7, "movieName": "soul", "qty": 2, "seat": "1A,2B", "customerId": 33,
            "status": "Waiting", "_links": {"ticket": link, "self": link},
        })
    );
    let Event::Created(created) = &fleet::outbox(&app.scratch.db).await[0] else {
        panic!("Created is not published");
    };
    assert_eq!((created.id.get(), created.booking_id.get()), (7, 7));
    assert_eq!(created.status.as_deref(), Some("Waiting"));
    assert_eq!(created.customer_id, booked(7).customer_id);
    assert_eq!(
        (created.seat.as_deref(), created.qty, created.movie_name.as_deref()),
        (Some("1A,2B"), Some(2), Some("soul"))
    );
    app.settled().await;
}

#[tokio::test]
async fn ticket_has_the_screening_of_its_booking() {
    let app = App::new().await;
    for (id, hour) in [(1, 10), (2, 19)] {
        app.deliver(booked_at(id, hour)).await;
        let ticket = app.client.get(&format!("/tickets/{id}")).await.body;
        assert_eq!((&ticket["screeningId"], &ticket["theatre"]), (&json!(hour), &json!("Gangnam")));
        assert_eq!(ticket["hall"], "Hall 1");
        assert_eq!(ticket["startsAt"], format!("2026-12-01T{hour}:30:00Z"));
        assert_eq!(ticket["endsAt"], format!("2026-12-01T{}:30:00Z", hour + 2));
    }
    for (event, hour) in fleet::outbox(&app.scratch.db).await.iter().zip([10, 19]) {
        let Event::Created(created) = event else { panic!("{event:?}") };
        assert_eq!(created.screening, booked_at(1, hour).screening);
    }
    let collected = app.collect(2).await;
    assert_eq!((collected.status.as_u16(), &collected.body["screeningId"]), (200, &json!(19)));
    let page = app.client.get("/tickets").await.body;
    assert_eq!(page["_embedded"]["tickets"][0]["startsAt"], "2026-12-01T10:30:00Z");
    app.settled().await;
}

#[tokio::test]
async fn booking_whose_event_is_repeated_gets_one_ticket() {
    let app = App::new().await;
    let record = fleet::record(&booked(1).into());
    app.consumer.apply_together(&[record.clone(), record.clone()]).await.unwrap();
    app.consumer.apply_together(&[record]).await.unwrap();
    app.deliver(booked(1)).await;
    assert_eq!(app.published().await, ["Created"]);
    app.settled().await;
}

#[tokio::test]
async fn repeated_booked_does_not_change_a_collected_ticket() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.collect(1).await;
    app.deliver(booked(1)).await;
    assert_eq!(app.status(1).await, "Printed");
    assert_eq!(app.published().await, ["Created", "Printed"]);
    app.settled().await;
}

#[tokio::test]
async fn booked_of_an_older_writer_may_omit_all_fields_but_the_id() {
    let app = App::new().await;
    let mut bare = booked(1);
    (bare.qty, bare.seat, bare.movie_name, bare.customer_id) = (None, None, None, None);
    app.deliver(bare).await;
    let ticket = app.client.get("/tickets/1").await;
    assert_eq!((&ticket.body["movieName"], &ticket.body["qty"]), (&json!(null), &json!(null)));
    assert_eq!(app.collect(1).await.status, 200);
    app.settled().await;
}

#[tokio::test]
async fn booking_after_its_cancel_gets_no_ticket() {
    let app = App::new().await;
    app.deliver(cancel_requested(1)).await;
    app.deliver(booked(1)).await;
    assert_eq!(app.client.get("/tickets/1").await.status, 404);
    assert_eq!(app.client.get("/tickets").await.body["page"]["totalElements"], 0);
    assert_eq!(app.published().await, ["TicketCanceled"]);
    app.settled().await;
}

#[tokio::test]
async fn other_events_are_ignored() {
    let app = App::new().await;
    app.deliver(Paid {
        id: PaymentId::new(1).unwrap(),
        booking_id: BookingId::new(1).unwrap(),
        status: Some("Paid".to_owned()),
        total_price: Some(10_000),
    })
    .await;
    assert_eq!(app.client.get("/tickets/1").await.status, 404);
    assert_eq!(app.published().await, [""; 0]);
    app.settled().await;
}

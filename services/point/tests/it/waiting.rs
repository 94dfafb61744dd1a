//! A new ticket gets a waiting row, in whatever order and however often its events arrive.

use events::Event;
use serde_json::json;
use test_kit::fleet;

use crate::app::{App, created};

#[tokio::test]
async fn new_ticket_gets_a_waiting_row_which_is_published() {
    let app = App::new().await;
    app.deliver(created(5)).await;
    let link = json!({"href": "http://cinema/points/1"});
    assert_eq!(
        app.rows(5).await,
        [json!({
            "id": 1, "bookingId": 5, "customerId": 33, "score": 0, "contents": "soul", "status": "Waiting Point",
            "_links": {"point": link, "self": link},
        })]
    );
    assert_eq!(app.balance(33).await, 0);
    let Event::WaitedPoint(waited) = &fleet::outbox(&app.scratch.db).await[0] else {
        panic!("WaitedPoint is not published");
    };
    assert_eq!((waited.id.get(), waited.booking_id.get()), (1, 5));
    assert_eq!((waited.score, waited.contents.as_deref()), (Some(0), Some("soul")));
    assert_eq!(waited.status.as_deref(), Some("Waiting Point"));
    app.settled().await;
}

#[tokio::test]
async fn granted_points_are_a_second_row() {
    let app = App::new().await;
    app.deliver(created(1)).await;
    let waiting = app.rows(1).await;
    let granted = app.grant(json!({"bookingId": 1})).await.body;
    assert_eq!(app.rows(1).await, [waiting[0].clone(), granted]);
    assert_eq!(app.balance(33).await, 100);
    assert_eq!(app.published().await, ["WaitedPoint", "WrittenPoint"]);
    app.settled().await;
}

#[tokio::test]
async fn granted_points_get_no_waiting_row() {
    let app = App::new().await;
    let granted = app.grant(json!({"bookingId": 1})).await.body;
    app.deliver(created(1)).await;
    assert_eq!(app.rows(1).await, [granted]);
    assert_eq!(app.published().await, ["WrittenPoint"]);
    app.settled().await;
}

#[tokio::test]
async fn redelivered_and_repeated_events_change_nothing() {
    let app = App::new().await;
    let record = fleet::record(&created(1).into());
    for _ in 0..2 {
        let batch = [record.clone(), record.clone()];
        app.consumer.apply_together(&batch).await.unwrap();
    }
    app.deliver(created(1)).await;
    assert_eq!(app.total().await, 1);
    assert_eq!(app.published().await, ["WaitedPoint"]);
    app.settled().await;
}

#[tokio::test]
async fn ticket_without_a_movie_or_customer_gets_a_waiting_row() {
    let app = App::new().await;
    app.deliver(events::Created { movie_name: None, customer_id: None, ..created(1) }).await;
    let row = &app.rows(1).await[0];
    assert_eq!((&row["customerId"], &row["contents"]), (&json!(null), &json!(null)));
    app.settled().await;
}

#[tokio::test]
async fn concurrent_ticket_and_grant_end_with_the_granted_row() {
    let app = App::new().await;
    for booking in 1..=20 {
        let (granted, ()) = tokio::join!(
            app.grant(json!({"bookingId": booking, "customerId": 33})),
            app.deliver(created(booking)),
        );
        assert_eq!(granted.status, 201);
        let rows = app.rows(booking).await;
        assert_eq!(rows.last(), Some(&granted.body));
    }
    assert_eq!(app.balance(33).await, 2_000);
    app.settled().await;
}

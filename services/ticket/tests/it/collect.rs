//! A customer collects a ticket: the points, the ticket, and every failure of the point service.

use std::time::Duration;

use events::Event;
use serde_json::json;
use test_kit::{FakeUpstream, fleet};
use tokio::task::JoinSet;
use upstream::Settings;

use crate::app::{App, POINT_DEADLINE, booked, cancel_requested, outcome};

#[tokio::test]
async fn ticket_is_printed_after_its_points_are_granted() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    let answer = app.collect(1).await;
    assert_eq!(answer.status, 200);
    let link = json!({"href": "http://cinema/tickets/1"});
    assert_eq!(
        answer.body,
        json!({
            "id": 1, "bookingId": 1, "movieName": "soul", "qty": 2, "seat": "1A,2B", "customerId": 33,
            "status": "Printed", "_links": {"ticket": link, "self": link},
        })
    );
    let request =
        json!({"bookingId": 1, "score": 100, "customerId": 33, "contents": "soul", "status": "Pointed"});
    assert_eq!(app.point.requests(), [request]);
    let Event::Printed(printed) = &fleet::outbox(&app.scratch.db).await[1] else {
        panic!("Printed is not published");
    };
    assert_eq!((printed.id.get(), printed.booking_id.get()), (1, 1));
    assert_eq!(printed.status.as_deref(), Some("Printed"));
    app.settled().await;
}

#[tokio::test]
async fn ticket_is_printed_if_its_points_were_already_granted() {
    let app = App::beside(FakeUpstream::answers(200, json!({})).await).await;
    app.deliver(booked(1)).await;
    assert_eq!(app.collect(1).await.status, 200);
    assert_eq!(app.published().await, ["Created", "Printed"]);
    app.settled().await;
}

#[tokio::test]
async fn second_collection_requests_no_points_and_publishes_nothing() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    let first = app.collect(1).await;
    let second = app.collect(1).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
    assert_eq!(first.body, second.body);
    assert_eq!(app.point.requests().len(), 1);
    assert_eq!(app.published().await, ["Created", "Printed"]);
    app.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_concurrent_collections_succeed_and_publish_printed_once() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    let mut collecting = JoinSet::new();
    for _ in 0..50 {
        let client = app.client.clone();
        collecting.spawn(async move { client.patch("/tickets/1", json!({"status": "Printed"})).await });
    }
    for answer in collecting.join_all().await {
        assert_eq!((answer.status.as_u16(), &answer.body["status"]), (200, &json!("Printed")));
    }
    assert_eq!(app.published().await, ["Created", "Printed"]);
    app.settled().await;
}

#[tokio::test]
async fn ticket_waits_while_the_point_service_is_unreachable() {
    let mut app = App::beside(FakeUpstream::refuses()).await;
    app.deliver(booked(1)).await;
    for _ in 0..2 {
        let answer = app.collect(1).await;
        assert_eq!(outcome(&answer), (503, "points-unavailable"));
        assert_eq!(answer.header("retry-after"), "5");
        assert_eq!(app.status(1).await, "Waiting");
    }
    assert_eq!(app.published().await, ["Created"]);

    app.now_beside(FakeUpstream::answers(201, json!({})).await);
    assert_eq!(app.collect(1).await.status, 200);
    assert_eq!(app.published().await, ["Created", "Printed"]);
    app.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_concurrent_collections_without_point_leave_the_ticket_waiting() {
    let app = App::beside(FakeUpstream::refuses()).await;
    app.deliver(booked(1)).await;
    let mut collecting = JoinSet::new();
    for _ in 0..50 {
        let client = app.client.clone();
        collecting.spawn(async move { client.patch("/tickets/1", json!({"status": "Printed"})).await });
    }
    for answer in collecting.join_all().await {
        assert_eq!(outcome(&answer), (503, "points-unavailable"));
    }
    assert_eq!(app.status(1).await, "Waiting");
    app.settled().await;
}

#[tokio::test]
async fn unknown_outcome_is_503_and_the_ticket_counts_as_collected() {
    for point in [
        FakeUpstream::hangs().await,
        FakeUpstream::breaks_off().await,
        FakeUpstream::answers(500, json!({})).await,
        FakeUpstream::answers(404, json!({})).await,
    ] {
        let mut app = App::beside(point).await;
        app.deliver(booked(1)).await;
        let answer = app.collect(1).await;
        assert_eq!(outcome(&answer), (503, "points-unavailable"));
        assert_eq!(answer.header("retry-after"), "5");
        assert_eq!(app.status(1).await, "Printing");
        app.deliver(cancel_requested(1)).await;
        assert_eq!(app.published().await, ["Created", "CancelRejected"]);

        app.now_beside(FakeUpstream::answers(200, json!({})).await);
        assert_eq!(app.collect(1).await.status, 200);
        assert_eq!(app.published().await, ["Created", "CancelRejected", "Printed"]);
        app.settled().await;
    }
}

#[tokio::test]
async fn ticket_whose_points_may_be_granted_stays_collected_although_later_requests_are_never_sent() {
    let mut app = App::beside(FakeUpstream::breaks_off().await).await;
    app.deliver(booked(1)).await;
    app.collect(1).await;
    app.now_beside(FakeUpstream::refuses());
    for _ in 0..3 {
        assert_eq!(outcome(&app.collect(1).await), (503, "points-unavailable"));
        assert_eq!(app.status(1).await, "Printing");
    }
    app.deliver(cancel_requested(1)).await;
    assert_eq!(app.published().await, ["Created", "CancelRejected"]);
    app.settled().await;
}

#[tokio::test]
async fn ticket_can_only_be_set_to_printed() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    for wrong in [
        json!({"status": "Canceled"}),
        json!({"status": "printed"}),
        json!({"status": null}),
        json!({"status": ["Printed"]}),
        json!({}),
    ] {
        let answer = app.client.patch("/tickets/1", wrong.clone()).await;
        assert_eq!(
            (outcome(&answer), answer.pointers()),
            ((422, "invalid-field"), vec!["/status"]),
            "{wrong}"
        );
    }
    assert_eq!(app.status(1).await, "Waiting");
    assert_eq!(app.point.requests(), [json!(null); 0]);
    app.settled().await;
}

#[tokio::test]
async fn unknown_ticket_cannot_be_collected() {
    let app = App::new().await;
    assert_eq!(outcome(&app.collect(1).await), (404, "not-found"));
    app.deliver(booked(1)).await;
    assert_eq!(app.status(1).await, "Waiting");
    app.settled().await;
}

/// In this test, one failure opens the breaker for 30 s.
#[tokio::test]
async fn open_breaker_leaves_the_ticket_waiting_and_sets_retry_after() {
    let mut app = App::beside(FakeUpstream::refuses()).await;
    app.deliver(booked(1)).await;
    let mut settings = Settings::new(app.point.url.parse().unwrap(), POINT_DEADLINE);
    settings.breaker.minimum_number_of_calls = 1;
    settings.breaker.wait_duration_in_open_state = Duration::from_secs(30);
    app.now_calling(settings);
    for _ in 0..2 {
        let answer = app.collect(1).await;
        assert_eq!(outcome(&answer), (503, "points-unavailable"));
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((10..=30).contains(&seconds), "{seconds}");
        assert_eq!(app.status(1).await, "Waiting");
    }
    app.settled().await;
}

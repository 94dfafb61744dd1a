//! The reconciler: what broke off is finished, what did not is left alone.

use std::time::Duration;

use serde_json::json;
use test_kit::FakeUpstream;
use tokio_util::sync::CancellationToken;

use crate::app::{App, POINT_DEADLINE, booked, cancel_requested};

#[tokio::test]
async fn a_collection_that_crashed_is_finished() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.begin_and_crash(1).await;
    app.reconcile().await;
    assert_eq!(app.status(1).await, "Printed");
    app.reconcile().await;
    assert_eq!(app.point.requests().len(), 1);
    assert_eq!(app.told().await, ["Created", "Printed"]);
    app.settled().await;
}

#[tokio::test]
async fn a_point_service_that_hung_is_asked_again() {
    let mut app = App::beside(FakeUpstream::hangs().await).await;
    app.deliver(booked(1)).await;
    assert_eq!(app.collect(1).await.status, 503);
    app.deliver(cancel_requested(1)).await;
    app.reconcile().await;
    assert_eq!(app.status(1).await, "Printing");

    // It had granted the points, and says so now.
    app.now_beside(FakeUpstream::answers(200, json!({})).await);
    app.reconcile().await;
    assert_eq!(app.status(1).await, "Printed");
    assert_eq!(app.told().await, ["Created", "CancelRejected", "Printed"]);
    app.settled().await;
}

#[tokio::test]
async fn nothing_goes_back_to_waiting_while_points_may_be_granted() {
    let app = App::beside(FakeUpstream::refuses()).await;
    app.deliver(booked(1)).await;
    app.begin_and_crash(1).await;
    app.reconcile().await;
    app.collect(1).await;
    assert_eq!(app.status(1).await, "Printing");
    app.settled().await;
}

#[tokio::test]
async fn what_nobody_collects_is_left_alone() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.deliver(booked(2)).await;
    app.deliver(cancel_requested(2)).await;
    app.deliver(cancel_requested(3)).await;
    app.reconcile().await;
    assert_eq!(app.point.requests(), [json!(null); 0]);
    assert_eq!(app.status(1).await, "Waiting");
    app.settled().await;
}

#[tokio::test]
async fn a_collection_under_way_is_left_to_who_began_it() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.begin_and_crash(1).await;
    let long = Duration::from_secs(3600);
    app.reconciler().finish_all(long).await.unwrap();
    assert_eq!(app.status(1).await, "Printing");
    app.settled().await;
}

#[tokio::test]
async fn one_that_fails_ends_the_look_and_goes_to_the_end_of_the_line() {
    let mut app = App::beside(FakeUpstream::refuses()).await;
    for id in 1..=3 {
        app.deliver(booked(id)).await;
        app.begin_and_crash(id).await;
    }
    app.now_beside(FakeUpstream::answers(500, json!({})).await);
    for _ in 0..4 {
        app.reconcile().await;
    }
    let mut asked: Vec<_> = app.point.requests().iter().map(|ask| ask["bookingId"].clone()).collect();
    // The client asks for each one more than once before it gives up.
    asked.dedup();
    assert_eq!(asked, [1, 2, 3, 1]);

    app.now_beside(FakeUpstream::answers(201, json!({})).await);
    app.reconcile().await;
    for id in 1..=3 {
        assert_eq!(app.status(id).await, "Printed");
    }
    app.settled().await;
}

#[tokio::test]
async fn a_process_finishes_at_its_start_what_an_earlier_one_left() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.begin_and_crash(1).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(app.reconciler().run(stop.clone()));
    while app.status(1).await != "Printed" {
        tokio::time::sleep(POINT_DEADLINE / 100).await;
    }
    stop.cancel();
    running.await.unwrap();
    app.settled().await;
}

//! The reconciler finishes interrupted collections, and leaves all other tickets alone.

use std::sync::Arc;
use std::time::Duration;

use events::TicketId;
use serde_json::json;
use test_kit::FakeUpstream;
use ticket::AppState;
use ticket::app::{CollectError, settle_collecting};
use ticket::clients::Points;
use ticket::domain::AwardOutcome;
use ticket::reconciler::Reconciler;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use upstream::Settings;

use crate::app::{App, POINT_DEADLINE, booked, cancel_requested};

#[tokio::test]
async fn interrupted_collection_is_finished() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.begin_and_crash(1).await;
    app.reconcile().await;
    assert_eq!(app.status(1).await, "Printed");
    app.reconcile().await;
    assert_eq!(app.point.requests().len(), 1);
    assert_eq!(app.published().await, ["Created", "Printed"]);
    app.settled().await;
}

#[tokio::test]
async fn points_are_requested_again_after_an_unknown_outcome() {
    let mut app = App::beside(FakeUpstream::hangs().await).await;
    app.deliver(booked(1)).await;
    assert_eq!(app.collect(1).await.status, 503);
    app.deliver(cancel_requested(1)).await;
    app.reconcile().await;
    assert_eq!(app.status(1).await, "Printing");

    // The point service had granted them, and responds now.
    app.now_beside(FakeUpstream::answers(200, json!({})).await);
    app.reconcile().await;
    assert_eq!(app.status(1).await, "Printed");
    assert_eq!(app.published().await, ["Created", "CancelRejected", "Printed"]);
    app.settled().await;
}

#[tokio::test]
async fn ticket_does_not_wait_again_while_its_points_may_be_granted() {
    let app = App::beside(FakeUpstream::refuses()).await;
    app.deliver(booked(1)).await;
    app.begin_and_crash(1).await;
    app.reconcile().await;
    app.collect(1).await;
    assert_eq!(app.status(1).await, "Printing");
    app.settled().await;
}

#[tokio::test]
async fn reconciler_leaves_waiting_and_void_tickets_alone() {
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
async fn reconciler_leaves_a_running_collection_alone() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.begin_and_crash(1).await;
    let long = Duration::from_secs(3600);
    app.reconciler().run_once(long).await.unwrap();
    assert_eq!(app.status(1).await, "Printing");
    app.scratch.clock.advance(long);
    app.reconciler().run_once(long).await.unwrap();
    assert_eq!(app.status(1).await, "Printed");
    app.settled().await;
}

#[tokio::test]
async fn failed_call_ends_the_round_and_its_ticket_goes_to_the_end_of_the_queue() {
    let mut app = App::beside(FakeUpstream::refuses()).await;
    for id in 1..=3 {
        app.deliver(booked(id)).await;
        app.begin_and_crash(id).await;
    }
    app.now_beside(FakeUpstream::answers(500, json!({})).await);
    for _ in 0..4 {
        app.reconcile().await;
    }
    let mut requested: Vec<_> =
        app.point.requests().iter().map(|request| request["bookingId"].clone()).collect();
    // A call makes more than one attempt.
    requested.dedup();
    assert_eq!(requested, [1, 2, 3, 1]);

    app.now_beside(FakeUpstream::answers(201, json!({})).await);
    app.reconcile().await;
    for id in 1..=3 {
        assert_eq!(app.status(id).await, "Printed");
    }
    app.settled().await;
}

#[tokio::test]
async fn first_round_finishes_collections_of_an_earlier_process() {
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

/// A point service that holds each request until the test releases it, and then grants the points.
struct HeldPoints {
    upstream: FakeUpstream,
    received: Arc<Semaphore>,
    released: Arc<Semaphore>,
}

impl HeldPoints {
    async fn new() -> Self {
        let (received, released) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let upstream = FakeUpstream::does({
            let (received, released) = (received.clone(), released.clone());
            move || {
                let (received, released) = (received.clone(), released.clone());
                async move {
                    received.add_permits(1);
                    released.acquire().await.unwrap().forget();
                    (201, json!({}))
                }
            }
        });
        Self { upstream: upstream.await, received, released }
    }

    /// Waits until the next request is held.
    async fn next(&self) {
        self.received.acquire().await.unwrap().forget();
    }

    /// Starts a round of another replica's reconciler, which waits longer for its points than the test runs.
    fn start_round(&self, app: &App) -> JoinHandle<Result<(), CollectError>> {
        let long = Duration::from_secs(60);
        let settings =
            Settings { attempt_timeout: long, ..Settings::new(self.upstream.url.parse().unwrap(), long) };
        let state = AppState { db: app.scratch.db.clone(), points: Points::new(settings) };
        let reconciler = Reconciler::new(state, POINT_DEADLINE);
        tokio::spawn(async move { reconciler.run_once(Duration::ZERO).await })
    }
}

#[tokio::test]
async fn two_reconcilers_print_a_ticket_once() {
    let app = App::new().await;
    app.deliver(booked(1)).await;
    app.begin_and_crash(1).await;
    let points = HeldPoints::new().await;
    let first = points.start_round(&app);
    points.next().await;
    let second = points.start_round(&app);
    points.next().await;
    points.released.add_permits(2);
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(app.status(1).await, "Printed");
    assert_eq!(app.published().await, ["Created", "Printed"]);
    app.settled().await;
}

#[tokio::test]
async fn reconciler_does_not_collect_a_ticket_that_waits_again() {
    let app = App::new().await;
    for id in [1, 2] {
        app.deliver(booked(id)).await;
        app.begin_and_crash(id).await;
    }
    let points = HeldPoints::new().await;
    let round = points.start_round(&app);
    points.next().await;
    // The round has listed both tickets. Meanwhile another replica finds that its request for the second one
    // was never sent.
    let mut tx = app.scratch.db.begin().await.unwrap();
    settle_collecting(&mut tx, TicketId::new(2).unwrap(), AwardOutcome::NotReached).await.unwrap();
    tx.commit().await.unwrap();
    points.released.add_permits(2);
    round.await.unwrap().unwrap();
    assert_eq!([app.status(1).await, app.status(2).await], ["Printed", "Waiting"]);
    assert_eq!(points.received.available_permits(), 0, "no points were requested for the second ticket");
    app.settled().await;
}

//! Refunds: an unreachable provider delays them, and none is lost.

use std::time::Duration;

use payment::refunder::{CLAIM, Refunder};
use serde_json::json;
use storage::query_as;
use telemetry::render_metrics;
use test_kit::FakeUpstream;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use upstream::Settings;

use crate::app::{App, LONGEST_PAUSE, hold_expired, ticket_canceled};
use crate::provider::{Fate, Provider};

#[tokio::test]
async fn cancel_is_202_while_the_provider_is_unreachable_and_ends_afterwards() {
    let app = App::new().await;
    app.pay(1).await;
    app.provider.set_unreachable(true);
    for booking in [1, 2] {
        for _ in 0..2 {
            let answer = app.cancel(booking).await;
            assert_eq!((answer.status.as_u16(), &answer.body["status"]), (202, &"Canceling".into()));
            assert!(answer.header("location").starts_with("http://cinema/payments/"));
        }
    }
    assert_eq!(app.pay(2).await.problem(), "booking-voided");
    app.refund().await;
    assert_eq!(app.published().await, ["Paid"], "no refund is confirmed yet");

    app.provider.set_unreachable(false);
    let repeated = app.cancel(1).await;
    assert_eq!((repeated.status.as_u16(), &repeated.body["status"]), (200, &"Canceled".into()));
    app.refund().await;
    assert_eq!(app.status(2).await, "Voided");
    assert_eq!(app.published().await, ["Paid", "PaymentCanceled", "PaymentCanceled"]);
    assert_eq!((app.provider.movements(1), app.provider.movements(2)), ((1, 1), (0, 0)));
    app.settled().await;
}

#[tokio::test]
async fn refund_with_a_lost_response_happens_once() {
    for fate in [Fate::LostBefore, Fate::LostAfter, Fate::FailsBefore, Fate::FailsAfter, Fate::Late] {
        let app = App::new().await;
        app.pay(1).await;
        app.provider.next([fate]);
        app.deliver(ticket_canceled(1)).await;
        app.refund().await;
        assert_eq!(app.status(1).await, "Canceling", "{fate:?}");
        app.refund().await;
        app.provider.catch_up();
        assert_eq!(app.status(1).await, "Canceled", "{fate:?}");
        assert_eq!(
            (app.published().await, app.provider.movements(1)),
            (vec!["Paid", "PaymentCanceled"], (1, 1))
        );
        app.settled().await;
    }
}

#[tokio::test]
async fn refund_that_is_not_recorded_is_requested_again() {
    let app = App::new().await;
    app.pay(1).await;
    app.deliver(ticket_canceled(1)).await;
    // The end of the cancellation is the only event here.
    app.execute("ALTER TABLE outbox RENAME TO outbox_gone").await;
    app.refund().await;
    assert_eq!((app.status(1).await, app.provider.movements(1)), ("Canceling".into(), (1, 1)));
    app.execute("ALTER TABLE outbox_gone RENAME TO outbox").await;
    app.refund().await;
    assert_eq!((app.published().await, app.provider.movements(1)), (vec!["Paid", "PaymentCanceled"], (1, 1)));
    app.settled().await;
}

#[tokio::test]
async fn payment_of_an_earlier_version_is_canceled() {
    let app = App::new().await;
    for (booking, status) in [(1, "Paid"), (2, "Canceled"), (3, "Voided")] {
        let mut tx = app.scratch.db.begin().await.unwrap();
        let insert = storage::query(
            "INSERT INTO payments (booking_id, total_price, status, created_at, updated_at) VALUES ($1, 10000, $2, 0, 0)",
        );
        tx.execute(insert.bind(booking).bind(status)).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(app.pay(1).await.status, 200);
    for booking in [1, 2, 3] {
        app.deliver(ticket_canceled(booking)).await;
    }
    app.refund().await;
    assert_eq!(
        [app.status(1).await, app.status(2).await, app.status(3).await],
        ["Canceled", "Canceled", "Voided"]
    );
    assert_eq!(app.published().await, ["PaymentCanceled"; 3]);
    // The provider never charged it, so the row has no reference.
    assert_eq!((app.provider.movements(1), references(&app).await), ((0, 0), vec![None, None, None]));
    app.settled().await;
}

#[tokio::test]
async fn row_has_a_reference_only_if_the_provider_charged() {
    let app = App::new().await;
    app.pay(1).await;
    app.cancel(2).await;
    app.pay(3).await;
    app.cancel(3).await;
    let reference = |booking| Some(format!("test-booking-{booking}"));
    assert_eq!(references(&app).await, [reference(1), None, reference(3)]);
    app.settled().await;
}

#[tokio::test]
async fn one_replica_requests_a_claimed_cancel() {
    let app = App::new().await;
    for booking in 1..=20 {
        app.deliver(hold_expired(booking)).await;
    }
    let other = Refunder::new(app.state.clone());
    let (first, second) = tokio::join!(app.refunder.run_once(), other.run_once());
    first.unwrap();
    second.unwrap();
    app.refunder.run_once().await.unwrap();
    assert_eq!(app.provider.requests(), 20);
    assert_eq!(app.published().await, ["PaymentCanceled"; 20]);
    app.settled().await;
}

#[tokio::test]
async fn refunder_leaves_a_running_request_its_cancel() {
    let app = App::new().await;
    app.pay(1).await;
    app.provider.next([Fate::ParkedBefore]);
    let client = app.client.clone();
    let canceling = tokio::spawn(async move { client.post("/cancellations", json!({"bookingId": 1})).await });
    app.provider.until_held().await;
    app.refunder.run_once().await.unwrap();
    assert_eq!((app.provider.requests(), app.status(1).await), (2, "Canceling".into()));
    app.provider.unpark(true);
    assert_eq!(canceling.await.unwrap().status, 200);
    assert_eq!((app.status(1).await, app.provider.movements(1)), ("Canceled".into(), (1, 1)));
    app.settled().await;
}

#[tokio::test]
async fn unreachable_provider_ends_the_round_after_one_batch() {
    let unreachable = FakeUpstream::refuses();
    let settings = Settings::new(unreachable.url.parse().unwrap(), Duration::from_secs(5));
    let app = App::with_settings(Provider::new().await, settings).await;
    for booking in 1..=20 {
        app.deliver(hold_expired(booking)).await;
    }
    let before = app.scratch.db.now();
    app.refunder.run_once().await.unwrap();
    let postponed = query_as::<(i64, i64)>(
        "SELECT CAST(COUNT(*) AS BIGINT), CAST(SUM(asks) AS BIGINT) FROM payments WHERE ask_at >= $1",
    )
    .bind((before + Duration::from_secs(2)).as_microsecond());
    let postponed = app.scratch.db.read().await.unwrap().fetch_one(postponed).await.unwrap();
    assert_eq!(postponed, (16, 0), "one batch is postponed by two seconds, and its attempts do not count");
    assert_eq!(app.published().await, [""; 0]);
    app.settled().await;
}

#[tokio::test]
async fn pause_grows_beyond_the_claim() {
    let app = App::new().await;
    app.provider.set_unreachable(true);
    app.deliver(hold_expired(1)).await;
    app.execute("UPDATE payments SET asks = 7").await;
    let before = app.scratch.db.now();
    app.refunder.run_once().await.unwrap();
    let next = query_as::<(i64, i64)>("SELECT ask_at, asks FROM payments");
    let (cancel_at, attempts) = app.scratch.db.read().await.unwrap().fetch_one(next).await.unwrap();
    assert!(cancel_at >= (before + LONGEST_PAUSE).as_microsecond(), "{cancel_at}");
    assert_eq!(attempts, 8);
    // The refunder never stops retrying.
    app.provider.set_unreachable(false);
    app.refund().await;
    assert_eq!(app.published().await, ["PaymentCanceled"]);
    app.settled().await;
}

async fn references(app: &App) -> Vec<Option<String>> {
    let all = query_as("SELECT reference FROM payments ORDER BY booking_id");
    let rows: Vec<(Option<String>,)> = app.scratch.db.read().await.unwrap().fetch_all(all).await.unwrap();
    rows.into_iter().map(|(reference,)| reference).collect()
}

#[tokio::test]
async fn running_refunder_counts_cancels_and_ends_due_ones_until_it_is_stopped() {
    render_metrics();
    let app = App::new().await;
    app.pay(1).await;
    app.provider.set_unreachable(true);
    for booking in [1, 2] {
        assert_eq!(app.cancel(booking).await.status, 202);
    }
    app.provider.set_unreachable(false);
    let stop = CancellationToken::new();
    let refunder = Refunder::new(app.state.clone());
    let running = tokio::spawn(refunder.run(app.consumer.applied(), stop.clone()));
    until(async || render_metrics().contains("payment_cancels_in_progress 2")).await;
    assert_eq!(app.status(1).await, "Canceling", "it is not due");
    app.scratch.clock.advance(CLAIM);
    until(async || app.status(1).await == "Canceled" && app.status(2).await == "Voided").await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(app.provider.movements(1), (1, 1));
    app.settled().await;
}

/// Waits until `condition` holds, for at most a minute.
async fn until(condition: impl AsyncFn() -> bool) {
    let wait = async {
        while !condition().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), wait).await.unwrap();
}

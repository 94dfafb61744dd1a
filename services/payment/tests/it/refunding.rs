//! Refunds: a provider that is away delays them and loses none.

use std::time::Duration;

use jiff::Timestamp;
use payment::refunder::Refunder;
use serde_json::json;
use storage::query_as;
use telemetry::render_metrics;
use test_kit::FakeUpstream;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use upstream::Settings;

use crate::app::{App, hold_expired, ticket_canceled};
use crate::provider::{Fate, Provider};

#[tokio::test]
async fn cancel_is_accepted_while_the_provider_is_away_and_ends_when_it_is_back() {
    let app = App::new().await;
    app.pay(1).await;
    app.provider.set_away(true);
    for booking in [1, 2] {
        for _ in 0..2 {
            let answer = app.cancel(booking).await;
            assert_eq!((answer.status.as_u16(), &answer.body["status"]), (202, &"Canceling".into()));
            assert!(answer.header("location").starts_with("http://cinema/payments/"));
        }
    }
    assert_eq!(app.pay(2).await.problem(), "booking-voided");
    app.refund().await;
    assert_eq!(app.told().await, ["Paid"], "nothing went back yet");

    app.provider.set_away(false);
    let asked_again = app.cancel(1).await;
    assert_eq!((asked_again.status.as_u16(), &asked_again.body["status"]), (200, &"Canceled".into()));
    app.refund().await;
    assert_eq!(app.status(2).await, "Voided");
    assert_eq!(app.told().await, ["Paid", "PaymentCanceled", "PaymentCanceled"]);
    assert_eq!((app.provider.moved(1), app.provider.moved(2)), ((1, 1), (0, 0)));
    app.settled().await;
}

#[tokio::test]
async fn refund_whose_answer_is_lost_happens_once() {
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
        assert_eq!((app.told().await, app.provider.moved(1)), (vec!["Paid", "PaymentCanceled"], (1, 1)));
        app.settled().await;
    }
}

#[tokio::test]
async fn refund_that_the_database_did_not_record_is_asked_for_again() {
    let app = App::new().await;
    app.pay(1).await;
    app.deliver(ticket_canceled(1)).await;
    // Only recording the end writes an event.
    app.execute("ALTER TABLE outbox RENAME TO outbox_gone").await;
    app.refund().await;
    assert_eq!((app.status(1).await, app.provider.moved(1)), ("Canceling".into(), (1, 1)));
    app.execute("ALTER TABLE outbox_gone RENAME TO outbox").await;
    app.refund().await;
    assert_eq!((app.told().await, app.provider.moved(1)), (vec!["Paid", "PaymentCanceled"], (1, 1)));
    app.settled().await;
}

#[tokio::test]
async fn payment_from_before_the_provider_is_canceled() {
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
    assert_eq!(app.told().await, ["PaymentCanceled"; 3]);
    // The provider never charged it, and the row says so.
    assert_eq!((app.provider.moved(1), references(&app).await), ((0, 0), vec![None, None, None]));
    app.settled().await;
}

#[tokio::test]
async fn row_has_a_reference_exactly_if_the_provider_charged() {
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
async fn claimed_cancel_is_asked_for_by_one_replica() {
    let app = App::new().await;
    for booking in 1..=20 {
        app.deliver(hold_expired(booking)).await;
    }
    let other = Refunder::new(app.state.clone());
    let (one, two) = tokio::join!(app.refunder.look(), other.look());
    one.unwrap();
    two.unwrap();
    app.refunder.look().await.unwrap();
    assert_eq!(app.provider.requests(), 20);
    assert_eq!(app.told().await, ["PaymentCanceled"; 20]);
    app.settled().await;
}

#[tokio::test]
async fn cancel_whose_request_still_waits_for_the_provider_is_left_to_it() {
    let app = App::new().await;
    app.pay(1).await;
    app.provider.next([Fate::ParkedBefore]);
    let client = app.client.clone();
    let canceling = tokio::spawn(async move { client.post("/cancellations", json!({"bookingId": 1})).await });
    app.provider.holds_one().await;
    app.refunder.look().await.unwrap();
    assert_eq!((app.provider.requests(), app.status(1).await), (2, "Canceling".into()));
    app.provider.unpark(true);
    assert_eq!(canceling.await.unwrap().status, 200);
    assert_eq!((app.status(1).await, app.provider.moved(1)), ("Canceled".into(), (1, 1)));
    app.settled().await;
}

#[tokio::test]
async fn provider_that_cannot_be_reached_is_asked_for_few_cancels_and_the_others_wait() {
    let nobody = FakeUpstream::refuses();
    let settings = Settings::new(nobody.url.parse().unwrap(), Duration::from_secs(5));
    let app = App::calling(Provider::new().await, settings).await;
    for booking in 1..=20 {
        app.deliver(hold_expired(booking)).await;
    }
    let before = Timestamp::now();
    app.refunder.look().await.unwrap();
    let put_off = query_as::<(i64, i64)>(
        "SELECT CAST(COUNT(*) AS BIGINT), CAST(SUM(asks) AS BIGINT) FROM payments WHERE ask_at >= $1",
    )
    .bind((before + Duration::from_secs(2)).as_microsecond());
    let put_off = app.scratch.db.read().await.unwrap().fetch_one(put_off).await.unwrap();
    assert_eq!(put_off, (16, 0), "those that were tried wait for two seconds, and no pause grows");
    assert_eq!(app.told().await, [""; 0]);
    app.settled().await;
}

#[tokio::test]
async fn pause_between_two_questions_grows_beyond_the_claim() {
    let app = App::new().await;
    app.provider.set_away(true);
    app.deliver(hold_expired(1)).await;
    app.execute("UPDATE payments SET asks = 7, ask_at = 0").await;
    let before = Timestamp::now();
    app.refunder.look().await.unwrap();
    let next = query_as::<(i64, i64)>("SELECT ask_at, asks FROM payments");
    let (ask_at, asks) = app.scratch.db.read().await.unwrap().fetch_one(next).await.unwrap();
    assert!(ask_at >= (before + Duration::from_secs(64)).as_microsecond(), "{ask_at}");
    assert_eq!(asks, 8);
    // It is asked for ever.
    app.provider.set_away(false);
    app.refund().await;
    assert_eq!(app.told().await, ["PaymentCanceled"]);
    app.settled().await;
}

async fn references(app: &App) -> Vec<Option<String>> {
    let all = query_as("SELECT reference FROM payments ORDER BY booking_id");
    let rows: Vec<(Option<String>,)> = app.scratch.db.read().await.unwrap().fetch_all(all).await.unwrap();
    rows.into_iter().map(|(reference,)| reference).collect()
}

#[tokio::test]
async fn running_refunder_counts_cancels_ends_what_is_due_and_stops_when_it_is_asked_to() {
    render_metrics();
    let app = App::new().await;
    app.pay(1).await;
    app.provider.set_away(true);
    for booking in [1, 2] {
        assert_eq!(app.cancel(booking).await.status, 202);
    }
    app.provider.set_away(false);
    app.execute("UPDATE payments SET ask_at = 9000000000000000").await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(app.refunder.clone().run(app.consumer.applied(), stop.clone()));
    until(async || render_metrics().contains("payment_cancels_in_progress 2")).await;
    assert_eq!(app.status(1).await, "Canceling", "it is not due");
    app.execute("UPDATE payments SET ask_at = 0").await;
    until(async || app.status(1).await == "Canceled" && app.status(2).await == "Voided").await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(app.provider.moved(1), (1, 1));
    app.settled().await;
}

/// Until it is so; far longer than it takes is a failure.
async fn until(is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), wait).await.unwrap();
}

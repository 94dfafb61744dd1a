//! The reconciler as a task, and with a database that refuses.

use serde_json::json;
use test_kit::FakeUpstream;
use test_kit::log::Log;
use tokio_util::sync::CancellationToken;

use crate::app::{App, soul};
use crate::holding::payment_that_has;

#[tokio::test]
async fn reconciler_expires_holds_until_it_is_stopped() {
    let app = App::beside(FakeUpstream::refuses()).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(app.reconciler.clone().run(stop.clone()));
    for id in 1..3 {
        assert_eq!(app.client.post("/books", soul()).await.status, 202, "the seats are available");
        app.end_holds();
        while app.status(id).await != "Expired" {
            assert!(!running.is_finished(), "it runs until it is stopped");
            tokio::task::yield_now().await;
        }
    }
    stop.cancel();
    running.await.unwrap();
    assert_eq!(app.published().await, ["Held", "HoldExpired", "Held", "HoldExpired"]);
    app.settled().await;
}

/// Only a booking that cannot be read or written is postponed.
#[tokio::test]
async fn refusing_database_ends_the_round_and_the_next_one_catches_up() {
    let app = App::beside(FakeUpstream::refuses()).await;
    let id = app.book().await;
    app.end_holds();
    app.execute("ALTER TABLE outbox RENAME TO outbox_renamed").await;
    assert!(app.reconciler.run_once().await.is_err());
    app.execute("ALTER TABLE outbox_renamed RENAME TO outbox").await;
    assert_eq!(app.status(id).await, "PaymentPending");
    app.reconciler.run_once().await.unwrap();
    assert_eq!(
        (app.status(id).await.as_str(), app.published().await),
        ("Expired", vec!["Held", "HoldExpired"])
    );
    app.settled().await;
}

#[tokio::test]
async fn log_reports_how_a_booking_left_pending_ended() {
    for (status, end) in [("Paid", "is paid"), ("Voided", "is declined")] {
        let payments = json!([{"totalPrice": 10000, "status": status}]);
        let app = App::beside(payment_that_has(payments).await).await;
        app.book().await;
        app.make_inquiries_due();
        let (log, _guard) = Log::capture();
        app.reconciler.run_once().await.unwrap();
        let lines = log.lines_with("a booking that was left pending");
        assert!(
            lines.len() == 1 && lines[0]["message"].as_str().unwrap().contains(end),
            "{status}: {lines:?}"
        );
        app.settled().await;
    }
}

//! The reconciler as a process runs it, and what it does when its database refuses.

use serde_json::json;
use test_kit::FakeUpstream;
use tokio_util::sync::CancellationToken;

use crate::app::{App, soul};
use crate::holding::payment_that_has;
use crate::logs::Log;

#[tokio::test]
async fn reconciler_ends_one_hold_after_the_other_until_it_is_stopped() {
    let app = App::beside(FakeUpstream::refuses()).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(app.reconciler.clone().run(stop.clone()));
    for id in 1..3 {
        assert_eq!(app.client.post("/books", soul()).await.status, 202, "the seats are free");
        app.let_holds_run_out().await;
        while app.status(id).await != "Expired" {
            assert!(!running.is_finished(), "nobody has stopped it");
            tokio::task::yield_now().await;
        }
    }
    stop.cancel();
    running.await.unwrap();
    assert_eq!(app.told().await, ["Held", "HoldExpired", "Held", "HoldExpired"]);
    app.settled().await;
}

/// Only a booking that cannot be read or written is put off.
#[tokio::test]
async fn database_that_refuses_ends_the_look_and_the_next_one_makes_up_for_it() {
    let app = App::beside(FakeUpstream::refuses()).await;
    let id = app.book().await;
    app.let_holds_run_out().await;
    app.execute("ALTER TABLE outbox RENAME TO outbox_away").await;
    assert!(app.reconciler.look().await.is_err());
    app.execute("ALTER TABLE outbox_away RENAME TO outbox").await;
    assert_eq!(app.status(id).await, "PaymentPending");
    app.reconciler.look().await.unwrap();
    assert_eq!((app.status(id).await.as_str(), app.told().await), ("Expired", vec!["Held", "HoldExpired"]));
    app.settled().await;
}

#[tokio::test]
async fn log_says_how_a_booking_that_was_left_pending_ended() {
    for (status, end) in [("Paid", "is paid"), ("Voided", "is declined")] {
        let payments = json!([{"totalPrice": 10000, "status": status}]);
        let app = App::beside(payment_that_has(payments).await).await;
        app.book().await;
        app.let_looks_be_due().await;
        let (log, _guard) = Log::keep();
        app.reconciler.look().await.unwrap();
        let lines = log.lines_with("a booking that was left pending");
        assert!(lines.len() == 1 && lines[0].contains(end), "{status}: {lines:?}");
        app.settled().await;
    }
}

//! Charges without a response, or that cannot be recorded: they are never reported as not charged, and are
//! found later.

use std::time::Duration;

use serde_json::json;
use test_kit::FakeUpstream;
use upstream::Settings;

use crate::app::{App, hold_expired, payment_request};
use crate::provider::{Fate, Hold, Provider};

const LOST: [Fate; 5] = [Fate::LostBefore, Fate::LostAfter, Fate::FailsBefore, Fate::FailsAfter, Fate::Late];

#[tokio::test]
async fn charge_without_a_response_is_unknown_and_the_same_request_charges_once() {
    for fate in LOST {
        let app = App::new().await;
        app.provider.next([fate]);
        let unknown = app.pay(1).await;
        assert_eq!((unknown.status.as_u16(), unknown.problem()), (504, "outcome-unknown"), "{fate:?}");
        assert_eq!(app.total().await, 0);
        let again = app.pay(1).await;
        app.provider.catch_up();
        assert_eq!((again.status.as_u16(), app.provider.movements(1)), (201, (1, 0)), "{fate:?}");
        assert_eq!(app.published().await, ["Paid"]);
        app.settled().await;
    }
}

#[tokio::test]
async fn charge_without_a_response_is_refunded_when_the_hold_expires() {
    for fate in LOST {
        let app = App::new().await;
        app.provider.next([fate]);
        assert_eq!(app.pay(1).await.status, 504);
        app.deliver(hold_expired(1)).await;
        app.refund().await;
        app.provider.catch_up();
        assert!(!app.provider.account(1).is_charged(), "{fate:?}");
        let was_charged = app.provider.movements(1) == (1, 1);
        assert_eq!(app.status(1).await, if was_charged { "Canceled" } else { "Voided" }, "{fate:?}");
        assert_eq!(app.pay(1).await.problem(), "booking-voided");
        app.settled().await;
    }
}

#[tokio::test]
async fn retry_within_one_request_charges_once() {
    let provider = Provider::new().await;
    let mut settings = provider.settings();
    settings.retry_budget_percent = 100;
    let app = App::with_settings(provider, settings).await;
    app.provider.next([Fate::LostAfter]);
    assert_eq!(app.pay(1).await.status, 201);
    assert_eq!((app.provider.requests(), app.provider.movements(1)), (2, (1, 0)));
    app.settled().await;
}

#[tokio::test]
async fn unreachable_provider_is_503() {
    let unreachable = FakeUpstream::refuses();
    let settings = Settings::new(unreachable.url.parse().unwrap(), Duration::from_secs(5));
    let app = App::with_settings(Provider::new().await, settings).await;
    let answer = app.pay(1).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (503, "payment-unavailable"));
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    app.settled().await;
}

#[tokio::test]
async fn unexpected_response_is_unknown() {
    for (status, body) in
        [(202, json!({"status": "pending"})), (200, json!({})), (422, json!({})), (404, json!({}))]
    {
        let provider = FakeUpstream::answers(status, body).await;
        let settings = Settings::new(provider.url.parse().unwrap(), Duration::from_secs(5));
        let app = App::with_settings(Provider::new().await, settings).await;
        let answer = app.pay(1).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (504, "outcome-unknown"), "{status}");
        app.settled().await;
    }
}

#[tokio::test]
async fn charge_that_cannot_be_recorded_is_unknown_and_recorded_later() {
    let app = App::new().await;
    app.provider.hold(Hold::After);
    let client = app.client.clone();
    let paying = tokio::spawn(async move { client.post("/payments", payment_request(1, 10_000)).await });
    app.provider.until_held().await;
    app.execute("ALTER TABLE payments RENAME TO payments_gone").await;
    app.provider.release();
    let answer = paying.await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.problem()), (504, "outcome-unknown"));

    app.execute("ALTER TABLE payments_gone RENAME TO payments").await;
    assert_eq!(app.inquire(1).await.body["_embedded"]["payments"][0]["status"], "Paid");
    assert_eq!((app.published().await, app.provider.movements(1)), (vec!["Paid"], (1, 0)));
    app.settled().await;
}

#[tokio::test]
async fn different_price_for_an_unrecorded_charge_is_a_conflict() {
    let app = App::new().await;
    app.provider.next([Fate::LostAfter]);
    assert_eq!(app.pay(1).await.status, 504);
    let other = app.client.post("/payments", payment_request(1, 9_999)).await;
    assert_eq!((other.status.as_u16(), other.problem()), (409, "payment-conflict"));
    assert_eq!(app.pay(1).await.status, 201);
    assert_eq!(app.provider.movements(1), (1, 0));
    app.settled().await;
}

/// The row is from a restored database, or from a replica of an earlier version, which does not call the
/// provider.
#[tokio::test]
async fn charge_of_a_payment_that_ended_without_the_provider_is_refunded() {
    let app = App::new().await;
    app.provider.hold(Hold::After);
    let client = app.client.clone();
    let paying = tokio::spawn(async move { client.post("/payments", payment_request(1, 10_000)).await });
    app.provider.until_held().await;
    app.execute("INSERT INTO payments (booking_id, total_price, status, created_at, updated_at) VALUES (1, 0, 'Voided', 0, 0)")
        .await;
    app.provider.release();
    assert_eq!(paying.await.unwrap().problem(), "booking-voided");
    app.refund().await;
    assert_eq!((app.status(1).await, app.provider.movements(1)), ("Canceled".into(), (1, 1)));
    app.settled().await;
}

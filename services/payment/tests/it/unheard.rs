//! Charges of which payment does not hear, or which it cannot record: they are never called "not charged", and are found again.

use std::time::Duration;

use serde_json::json;
use test_kit::FakeUpstream;
use upstream::Settings;

use crate::app::{App, demand, hold_expired};
use crate::provider::{Fate, Hold, Provider};

const UNHEARD: [Fate; 5] =
    [Fate::LostBefore, Fate::LostAfter, Fate::FailsBefore, Fate::FailsAfter, Fate::Late];

#[tokio::test]
async fn charge_without_an_answer_is_unknown_and_the_same_request_pays_once() {
    for fate in UNHEARD {
        let app = App::new().await;
        app.provider.next([fate]);
        let unheard = app.pay(1).await;
        assert_eq!((unheard.status.as_u16(), unheard.problem()), (504, "outcome-unknown"), "{fate:?}");
        assert_eq!(app.total().await, 0);
        let again = app.pay(1).await;
        app.provider.catch_up();
        assert_eq!((again.status.as_u16(), app.provider.moved(1)), (201, (1, 0)), "{fate:?}");
        assert_eq!(app.told().await, ["Paid"]);
        app.settled().await;
    }
}

#[tokio::test]
async fn charge_without_an_answer_goes_back_when_the_hold_expires() {
    for fate in UNHEARD {
        let app = App::new().await;
        app.provider.next([fate]);
        assert_eq!(app.pay(1).await.status, 504);
        app.deliver(hold_expired(1)).await;
        app.refund().await;
        app.provider.catch_up();
        assert!(!app.provider.account(1).stands(), "{fate:?}");
        let was_charged = app.provider.moved(1) == (1, 1);
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
    let app = App::calling(provider, settings).await;
    app.provider.next([Fate::LostAfter]);
    assert_eq!(app.pay(1).await.status, 201);
    assert_eq!((app.provider.requests(), app.provider.moved(1)), (2, (1, 0)));
    app.settled().await;
}

#[tokio::test]
async fn provider_that_was_never_reached_charged_nothing() {
    let nobody = FakeUpstream::refuses();
    let settings = Settings::new(nobody.url.parse().unwrap(), Duration::from_secs(5));
    let app = App::calling(Provider::new().await, settings).await;
    let answer = app.pay(1).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (503, "payment-unavailable"));
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    app.settled().await;
}

#[tokio::test]
async fn answer_that_decides_nothing_is_unknown() {
    for (status, body) in
        [(202, json!({"status": "pending"})), (200, json!({})), (422, json!({})), (404, json!({}))]
    {
        let odd = FakeUpstream::answers(status, body).await;
        let settings = Settings::new(odd.url.parse().unwrap(), Duration::from_secs(5));
        let app = App::calling(Provider::new().await, settings).await;
        let answer = app.pay(1).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (504, "outcome-unknown"), "{status}");
        app.settled().await;
    }
}

#[tokio::test]
async fn charge_that_the_database_does_not_record_is_unknown_and_recorded_later() {
    let app = App::new().await;
    app.provider.hold(Hold::After);
    let client = app.client.clone();
    let paying = tokio::spawn(async move { client.post("/payments", demand(1, 10_000)).await });
    app.provider.holds_one().await;
    app.execute("ALTER TABLE payments RENAME TO payments_gone").await;
    app.provider.release();
    let answer = paying.await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.problem()), (504, "outcome-unknown"));

    app.execute("ALTER TABLE payments_gone RENAME TO payments").await;
    assert_eq!(app.inquire(1).await.body["_embedded"]["payments"][0]["status"], "Paid");
    assert_eq!((app.told().await, app.provider.moved(1)), (vec!["Paid"], (1, 0)));
    app.settled().await;
}

#[tokio::test]
async fn another_price_than_an_unrecorded_charge_is_a_conflict() {
    let app = App::new().await;
    app.provider.next([Fate::LostAfter]);
    assert_eq!(app.pay(1).await.status, 504);
    let other = app.client.post("/payments", demand(1, 9_999)).await;
    assert_eq!((other.status.as_u16(), other.problem()), (409, "payment-conflict"));
    assert_eq!(app.pay(1).await.status, 201);
    assert_eq!(app.provider.moved(1), (1, 0));
    app.settled().await;
}

/// Payment's database was restored, or a replica of the version before ended the booking without the provider.
#[tokio::test]
async fn charge_under_an_ended_row_that_never_asked_the_provider_goes_back() {
    let app = App::new().await;
    app.provider.hold(Hold::After);
    let client = app.client.clone();
    let paying = tokio::spawn(async move { client.post("/payments", demand(1, 10_000)).await });
    app.provider.holds_one().await;
    app.execute("INSERT INTO payments (booking_id, total_price, status, created_at, updated_at) VALUES (1, 0, 'Voided', 0, 0)")
        .await;
    app.provider.release();
    assert_eq!(paying.await.unwrap().problem(), "booking-voided");
    app.refund().await;
    assert_eq!((app.status(1).await, app.provider.moved(1)), ("Canceled".into(), (1, 1)));
    app.settled().await;
}

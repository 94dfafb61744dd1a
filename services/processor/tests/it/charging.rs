//! Charges: a reference is charged once, however often it is requested.

use processor::sandbox::Sandbox;
use serde_json::json;

use crate::app::{App, charged};

#[tokio::test]
async fn charge_succeeds_and_is_in_the_ledger() {
    let app = App::new().await;
    let answer = app.charge("k3x9-booking-1", 20_000).await;
    assert_eq!(answer.status, 200);
    let at = answer.body["chargedAt"].clone();
    assert!(at.as_str().unwrap().ends_with('Z'));
    assert_eq!(
        answer.body,
        json!({
            "reference": "k3x9-booking-1", "status": "succeeded", "amount": 20000, "currency": "KRW",
            "declineReason": null, "chargedAt": at, "refundedAt": null,
        })
    );
    assert_eq!(app.show("k3x9-booking-1").await.body, answer.body);
    assert_eq!(app.movements("k3x9-booking-1").await, [charged(20_000)]);
}

#[tokio::test]
async fn repeated_charge_returns_the_same_payment() {
    let app = App::new().await;
    let first = app.charge("a", 700).await;
    for token in ["tok_ok", "tok_declined", "tok_stolen"] {
        let again = app.charge_token("a", 700, token).await;
        assert_eq!((again.status.as_u16(), &again.body), (200, &first.body), "{token}");
    }
    assert_eq!(app.movements("a").await, [charged(700)]);
}

#[tokio::test]
async fn second_charge_with_a_different_amount_or_currency_is_refused() {
    let app = App::new().await;
    app.charge("a", 700).await;
    app.charge_token("b", 700, "tok_declined").await;
    for reference in ["a", "b"] {
        for body in [json!({"amount": 701, "currency": "KRW"}), json!({"amount": 700, "currency": "USD"})] {
            let answer = app.charge_with(reference, body).await;
            assert_eq!((answer.status.as_u16(), answer.problem()), (409, "amount-conflict"));
        }
    }
    assert_eq!(app.movements("a").await, [charged(700)]);
    assert_eq!(app.show("b").await.body["status"], "declined");
}

#[tokio::test]
async fn declined_charge_can_be_paid_with_another_token() {
    let app = App::new().await;
    for (token, reason) in [
        ("tok_declined", "declined"),
        ("tok_insufficient_funds", "insufficient-funds"),
        ("tok_stolen", "unknown-token"),
    ] {
        let answer = app.charge_token("a", 700, token).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            (&answer.body["status"], &answer.body["declineReason"]),
            (&json!("declined"), &json!(reason))
        );
        assert_eq!(answer.body["chargedAt"], json!(null));
    }
    assert_eq!(app.movements("a").await, []);
    let paid = app.charge_token("a", 700, "tok_ok").await.body;
    assert_eq!((&paid["status"], &paid["declineReason"]), (&json!("succeeded"), &json!(null)));
    assert_eq!(app.movements("a").await, [charged(700)]);
}

#[tokio::test]
async fn amount_above_the_limit_is_declined() {
    let limit = Some("100".parse().unwrap());
    let app = App::with(Sandbox { decline_over: limit, ..Sandbox::default() }).await;
    assert_eq!(app.charge("a", 101).await.body["declineReason"], "amount-limit");
    assert_eq!(app.charge("b", 100).await.body["status"], "succeeded");
}

#[tokio::test]
async fn free_payment_and_the_highest_amount_succeed() {
    let app = App::new().await;
    for (reference, amount) in [("free", 0), ("dear", i64::MAX)] {
        assert_eq!(app.charge(reference, amount).await.body["status"], "succeeded");
        assert_eq!(app.movements(reference).await, [charged(amount)]);
    }
}

#[tokio::test]
async fn unused_reference_is_404() {
    let app = App::new().await;
    let answer = app.show("a").await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not-found"));
}

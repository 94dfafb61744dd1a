//! Cancels: a cancellation is final, may be repeated, and may come before the charge.

use axum::body::Body;
use http::Request;
use serde_json::json;

use crate::app::{App, charged, refunded};

#[tokio::test]
async fn cancel_refunds_a_charge_once() {
    let app = App::new().await;
    app.charge("a", 700).await;
    let first = app.cancel("a").await;
    assert_eq!((first.status.as_u16(), &first.body["status"]), (200, &json!("canceled")));
    assert!(first.body["refundedAt"].is_string());
    let again = app.cancel("a").await;
    assert_eq!((again.status.as_u16(), again.body), (200, first.body));
    assert_eq!(app.movements("a").await, [charged(700), refunded(700)]);
}

#[tokio::test]
async fn nothing_is_charged_under_a_canceled_reference() {
    let app = App::new().await;
    app.cancel("never-charged").await;
    app.charge_token("declined", 700, "tok_declined").await;
    app.cancel("declined").await;
    app.charge("refunded", 700).await;
    app.cancel("refunded").await;
    for reference in ["never-charged", "declined", "refunded"] {
        let before = app.movements(reference).await;
        for amount in [700, 701] {
            let answer = app.charge(reference, amount).await;
            assert_eq!((answer.status.as_u16(), &answer.body["status"]), (200, &json!("canceled")));
        }
        assert_eq!(app.movements(reference).await, before);
    }
    assert_eq!(app.movements("never-charged").await, []);
}

#[tokio::test]
async fn tombstone_has_no_amount() {
    let app = App::new().await;
    let body = app.cancel("a").await.body;
    assert_eq!(
        body,
        json!({
            "reference": "a", "status": "canceled", "amount": null, "currency": null,
            "declineReason": null, "chargedAt": null, "refundedAt": null,
        })
    );
    assert_eq!(app.show("a").await.body, body);
}

#[tokio::test]
async fn forms_of_other_sites_cannot_cancel() {
    let app = App::new().await;
    app.charge("a", 700).await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let request = Request::post("/v1/payments/a/cancel").header("content-type", kind);
        let answer = app.client.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (415, "unsupported-media-type"), "{kind}");
    }
    assert_eq!(app.movements("a").await, [charged(700)]);
}

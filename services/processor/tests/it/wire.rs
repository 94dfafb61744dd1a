//! Fields, references and problems on the wire.

use serde_json::{Value, json};
use test_kit::snapshot::assert_openapi;

use crate::app::App;

#[tokio::test]
async fn invalid_fields_are_listed_and_nothing_is_recorded() {
    let app = App::new().await;
    let table: [(Value, &[&str]); 9] = [
        (json!({}), &["/amount", "/currency"]),
        (json!({"amount": -1, "currency": "KRW"}), &["/amount"]),
        (json!({"amount": 0.5, "currency": "KRW"}), &["/amount"]),
        (json!({"amount": 1e30, "currency": "KRW"}), &["/amount"]),
        (json!({"amount": 1, "currency": "won"}), &["/currency"]),
        (json!({"amount": 1, "currency": 410}), &["/currency"]),
        (json!({"amount": 1, "currency": "KRW", "paymentToken": ""}), &["/paymentToken"]),
        (json!({"amount": 1, "currency": "KRW", "paymentToken": "x".repeat(129)}), &["/paymentToken"]),
        (json!([1]), &[""]),
    ];
    for (body, pointers) in table {
        let answer = app.charge_with("a", body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.problem()), (422, "invalid-field"), "{body}");
        assert_eq!(answer.pointers(), pointers, "{body}");
    }
    assert_eq!(app.show("a").await.status, 404);
}

#[tokio::test]
async fn invalid_reference_is_422() {
    let app = App::new().await;
    for reference in ["a%20b", "%EA%B8%B0", "%ff", "a%00", "a%2Fb", &"x".repeat(129)] {
        for answer in [app.charge(reference, 1).await, app.show(reference).await, app.cancel(reference).await]
        {
            assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec!["/reference"]), "{reference}");
        }
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let app = App::new().await;
    let answer = app.client.get("/v1/payments").await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (404, "not-found"));
    for answer in [app.client.delete("/v1/payments/a").await, app.client.get("/v1/payments/a/cancel").await] {
        assert_eq!((answer.status.as_u16(), answer.problem()), (405, "method-not-allowed"));
    }
}

#[tokio::test]
async fn probes_respond() {
    let app = App::new().await;
    for path in ["/livez", "/readyz", "/actuator/health"] {
        let answer = app.client.get(path).await;
        assert_eq!((answer.status.as_u16(), &answer.body["status"]), (200, &json!("UP")), "{path}");
    }
}

#[tokio::test]
async fn openapi_description_is_the_reviewed_one() {
    let app = App::new().await;
    let description = app.client.get("/api-docs/openapi.json").await.body;
    assert_openapi(env!("CARGO_MANIFEST_DIR"), &description);
}

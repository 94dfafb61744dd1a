//! Responses for staff, and wrong staff tokens.

use reqwest::{Response, StatusCode};
use serde_json::json as value;

use crate::app::{Gateway, STAFF_TOKEN, json, problem};
use crate::upstreams::answering;

#[tokio::test]
async fn status_without_a_token_shows_only_whether_each_service_is_up() {
    let ready = value!({"status": "UP", "version": "1.2.3", "components": {"db": {"status": "UP"}}});
    let book = answering(StatusCode::OK, ready).await;
    let gateway = Gateway::start([("--book-url", &book)]).await;
    let down = |name: &str| value!({"name": name, "status": "DOWN"});
    let services = [
        value!({"name": "book", "status": "UP"}),
        down("payment"),
        down("mypage"),
        down("ticket"),
        down("point"),
    ];
    assert_eq!(json(gateway.get("/status")).await, value!({ "upstreams": services }));
}

#[tokio::test]
async fn without_a_configured_token_every_token_is_wrong() {
    let gateway = Gateway::start([("--staff-token", "")]).await;
    for token in ["", "popcorn"] {
        let answer = gateway.get("/status").header("x-staff-token", token).send().await.unwrap();
        problem(answer, StatusCode::FORBIDDEN, "staff-only").await;
    }
    assert_eq!(
        json(gateway.get("/status")).await["upstreams"][0],
        value!({"name": "book", "status": "DOWN"})
    );
}

#[tokio::test]
async fn wrong_tokens_limit_only_their_sender_on_all_staff_routes() {
    let gateway = Gateway::start([("--trusted-proxies", "127.0.0.1")]).await;
    let send = async |path: &'static str, client: &'static str, token: &'static str| -> Response {
        let request = gateway.get(path).header("x-forwarded-for", client).header("x-staff-token", token);
        request.send().await.unwrap()
    };
    for path in ["/audit", "/status", "/audit", "/status", "/audit"] {
        problem(send(path, "203.0.113.7", "wrong").await, StatusCode::FORBIDDEN, "staff-only").await;
    }
    for (path, token) in [("/audit", "wrong"), ("/audit", STAFF_TOKEN), ("/status", STAFF_TOKEN)] {
        let refused = send(path, "203.0.113.7", token).await;
        assert_eq!(refused.headers()["retry-after"], "1");
        problem(refused, StatusCode::TOO_MANY_REQUESTS, "rate-limited").await;
    }
    assert_eq!(send("/status", "203.0.113.8", STAFF_TOKEN).await.status(), StatusCode::OK);
    // Without a token, the client is a customer like any other.
    let request = gateway.get("/status").header("x-forwarded-for", "203.0.113.7");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}

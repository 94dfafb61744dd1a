//! A service with several replicas.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::Value;

use crate::app::{Gateway, eventually, json, problem};
use crate::upstreams::{self, Echo, resetting, unreachable};

async fn in_front_of(books: &[&str]) -> Gateway {
    Gateway::start([("--book-url", &books.join(","))]).await
}

/// Returns book's replicas as `/status` shows them to staff.
async fn replicas(gateway: &Gateway) -> Vec<Value> {
    let status = json(gateway.as_staff("/status")).await;
    status["upstreams"][0]["replicas"].as_array().unwrap().clone()
}

/// Waits until exactly the `expected` replicas of book are ejected.
async fn ejected(gateway: &Gateway, expected: &[bool]) {
    eventually(async || {
        let ejected: Vec<_> =
            replicas(gateway).await.iter().map(|replica| replica["ejected"] == true).collect();
        ejected == expected
    })
    .await;
}

#[tokio::test]
async fn requests_go_to_all_replicas() {
    let books = [Echo::start("one").await, Echo::start("two").await];
    let gateway = in_front_of(&[&books[0].url, &books[1].url]).await;
    let mut served = std::collections::HashSet::new();
    eventually(async || {
        served.insert(json(gateway.get("/books")).await["upstream"].to_string());
        served.len() == 2
    })
    .await;
}

#[tokio::test]
async fn unreachable_replica_fails_no_request_and_is_readmitted_when_it_is_back() {
    let gone = unreachable();
    let stays = Echo::start("stays").await;
    let gateway = in_front_of(&[&gone.url, &stays.url]).await;
    for _ in 0..50 {
        let response = gateway.post("/books").body("{}").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    ejected(&gateway, &[true, false]).await;

    let _back = Echo::start_on(gone.listen(), "back");
    ejected(&gateway, &[false, false]).await;
    eventually(async || json(gateway.get("/books")).await["upstream"] == "back").await;
}

#[tokio::test]
async fn unready_replica_gets_no_requests() {
    let unready = get(|| async { StatusCode::SERVICE_UNAVAILABLE });
    let router = Router::new().route("/readyz", unready).fallback(|| async { "unready" });
    let unready = upstreams::serve(upstreams::listener().await, router);
    let ready = Echo::start("ready").await;
    let gateway = in_front_of(&[&unready, &ready.url]).await;
    ejected(&gateway, &[true, false]).await;
    for _ in 0..50 {
        assert_eq!(json(gateway.get("/books")).await["upstream"], "ready");
    }
}

#[tokio::test]
async fn request_that_may_have_had_an_effect_is_not_sent_twice() {
    let breaks = resetting().await;
    let answers = Echo::start("answers").await;
    let gateway = in_front_of(&[&breaks, &answers.url]).await;
    let mut broken = 0;
    for _ in 0..50 {
        // A safe request goes to the other replica …
        assert_eq!(json(gateway.get("/books")).await["upstream"], "answers");
        // … and an unsafe one does not.
        let response = gateway.post("/books").body("{}").send().await.unwrap();
        if response.status() != StatusCode::OK {
            broken += 1;
            problem(response, StatusCode::BAD_GATEWAY, "upstream-broken").await;
        }
    }
    assert!(broken <= 3, "{broken} requests went to a replica that keeps failing");
}

#[tokio::test]
async fn request_that_reaches_no_replica_is_a_503() {
    let gone = [unreachable(), unreachable()];
    let gateway = in_front_of(&[&gone[0].url, &gone[1].url]).await;
    for _ in 0..3 {
        let response = gateway.post("/books").body("{}").send().await.unwrap();
        assert_eq!(response.headers()["retry-after"], "1");
        problem(response, StatusCode::SERVICE_UNAVAILABLE, "upstream-unavailable").await;
    }
    ejected(&gateway, &[true, true]).await;
}

#[tokio::test]
async fn request_is_sent_even_if_all_replicas_are_ejected() {
    let gone = unreachable();
    let gateway = in_front_of(&[&gone.url]).await;
    let response = gateway.post("/books").body("{}").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let _back = Echo::start_on(gone.listen(), "back");
    assert_eq!(json(gateway.get("/books")).await["upstream"], "back");
}

#[tokio::test]
async fn metrics_show_which_replica_is_ejected() {
    let gone = unreachable();
    let book = Echo::start("book").await;
    let gateway = in_front_of(&[&gone.url, &book.url]).await;
    gateway.get("/metrics").send().await.unwrap();
    ejected(&gateway, &[true, false]).await;
    let gauge = format!(r#"gateway_upstream_ejected{{upstream="book",url="{}"}} 1"#, gone.url);
    let metrics = gateway.get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains(&gauge), "{metrics}");
}

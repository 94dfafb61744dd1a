//! Concurrent requests for `/audit`.

use axum::Router;
use axum::routing::get;
use reqwest::StatusCode;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::Semaphore;

use crate::app::{Gateway, eventually, problem};

/// Starts a service whose lists are empty. Each response takes one of `permits`. Returns its URL.
async fn slow(permits: Arc<Semaphore>, asked: Arc<Semaphore>) -> String {
    let list = move || {
        let (permits, asked) = (permits.clone(), asked.clone());
        async move {
            asked.add_permits(1);
            permits.acquire().await.unwrap().forget();
            axum::Json(json!({}))
        }
    };
    let routes = Router::new().fallback(get(list));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    url
}

async fn start() -> (Arc<Gateway>, Arc<Semaphore>, Arc<Semaphore>) {
    let (permits, asked) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let url = slow(permits.clone(), asked.clone()).await;
    let flags = ["--book-url", "--payment-url", "--mypage-url", "--ticket-url", "--point-url"];
    let gateway = Gateway::start(flags.map(|flag| (flag, url.as_str()))).await;
    (Arc::new(gateway), permits, asked)
}

#[tokio::test]
async fn second_audit_is_rejected_until_the_first_has_ended() {
    let (gateway, permits, asked) = start().await;
    let first = tokio::spawn({
        let gateway = gateway.clone();
        async move { gateway.as_staff("/audit").send().await.unwrap().status() }
    });
    asked.acquire().await.unwrap().forget();
    let second = gateway.as_staff("/audit").send().await.unwrap();
    assert!(second.headers().contains_key("retry-after"));
    problem(second, StatusCode::SERVICE_UNAVAILABLE, "audit-in-progress").await;
    // The gateway responds to other requests meanwhile.
    assert_eq!(gateway.get("/livez").send().await.unwrap().status(), StatusCode::OK);
    permits.add_permits(1_000);
    assert_eq!(first.await.unwrap(), StatusCode::OK);
    assert_eq!(gateway.as_staff("/audit").send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn audit_ends_when_its_client_disconnects() {
    let (gateway, permits, asked) = start().await;
    let first = tokio::spawn({
        let gateway = gateway.clone();
        async move { gateway.as_staff("/audit").send().await.unwrap().status() }
    });
    asked.acquire().await.unwrap().forget();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    permits.add_permits(1_000);
    eventually(async || gateway.as_staff("/audit").send().await.unwrap().status() == StatusCode::OK).await;
}

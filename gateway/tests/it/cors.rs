//! What a browser may do from a page of another origin.

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode};

use crate::app::Gateway;
use crate::upstreams::Echo;

const PAGE: &str = "https://cinema.example";

async fn headers(request: RequestBuilder, origin: &str) -> HeaderMap {
    let response = request.header("origin", origin).send().await.unwrap();
    response.headers().clone()
}

fn preflight(gateway: &Gateway) -> RequestBuilder {
    gateway
        .options("/books/1")
        .header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", "authorization,idempotency-key")
}

#[tokio::test]
async fn by_default_every_page_may_call_without_credentials() {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([("--book-url", &book.url)]).await;
    // A service's answer, a problem of the gateway's, and an unknown path alike.
    for path in ["/books", "/payments", "/nothing"] {
        let headers = headers(gateway.get(path), PAGE).await;
        assert_eq!(headers["access-control-allow-origin"], "*", "{path}");
        assert!(!headers.contains_key("access-control-allow-credentials"), "{path}");
        let exposed = headers["access-control-expose-headers"].to_str().unwrap();
        for name in ["location", "retry-after", "x-request-id", "etag"] {
            assert!(exposed.contains(name), "{name} in {exposed}");
        }
    }
}

#[tokio::test]
async fn a_preflight_is_answered_here() {
    let gateway = Gateway::start([]).await;
    let response = preflight(&gateway).header("origin", PAGE).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["access-control-allow-methods"], "PATCH");
    assert_eq!(headers["access-control-allow-headers"], "authorization,idempotency-key");
    assert_eq!(headers["access-control-max-age"], "600");
}

#[tokio::test]
async fn a_list_lets_its_origins_call_with_credentials_and_no_other() {
    let gateway =
        Gateway::start([("--cors-allowed-origins", "http://localhost:3000, https://cinema.example")]).await;
    for origin in ["http://localhost:3000", PAGE] {
        for request in [gateway.get("/status"), preflight(&gateway)] {
            let headers = headers(request, origin).await;
            assert_eq!(headers["access-control-allow-origin"], origin);
            assert_eq!(headers["access-control-allow-credentials"], "true");
            assert!(headers["vary"].to_str().unwrap().contains("origin"));
        }
    }
    for request in [gateway.get("/status"), preflight(&gateway)] {
        let headers = headers(request, "https://evil.example").await;
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn a_cache_keeps_what_no_page_asked_for_apart() {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([("--book-url", &book.url)]).await;
    for path in ["/books", "/payments", "/nothing"] {
        let response = gateway.get(path).send().await.unwrap();
        assert!(response.headers()["vary"].to_str().unwrap().contains("origin"), "{path}");
        assert!(!response.headers().contains_key("access-control-allow-origin"), "{path}");
    }
}

#[tokio::test]
async fn options_without_a_requested_method_is_for_the_service() {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([("--book-url", &book.url)]).await;
    for request in [gateway.options("/books/1"), gateway.options("/books/1").header("origin", PAGE)] {
        let has_origin = request.try_clone().unwrap().build().unwrap().headers().contains_key("origin");
        let response = request.send().await.unwrap();
        assert_eq!(response.headers().contains_key("access-control-allow-origin"), has_origin);
        let seen: serde_json::Value = response.json().await.unwrap();
        assert_eq!(seen["method"], "OPTIONS");
    }
    assert_eq!(book.requests(), 2);
    // Here too it is a method like any other.
    for (path, status) in [("/status", StatusCode::METHOD_NOT_ALLOWED), ("/nothing", StatusCode::NOT_FOUND)] {
        assert_eq!(
            gateway.options(path).header("origin", PAGE).send().await.unwrap().status(),
            status,
            "{path}"
        );
    }
}

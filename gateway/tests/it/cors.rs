//! CORS headers and preflights.

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
async fn every_origin_is_allowed_without_credentials_by_default() {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([("--book-url", &book.url)]).await;
    // A response of a service, a problem of the gateway, and an unknown path.
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
async fn gateway_responds_to_preflights_itself() {
    let gateway = Gateway::start([]).await;
    let response = preflight(&gateway).header("origin", PAGE).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["access-control-allow-methods"], "GET, HEAD, POST, PATCH, DELETE");
    assert_eq!(headers["access-control-allow-headers"], "authorization,idempotency-key");
    assert_eq!(headers["access-control-max-age"], "600");
}

#[tokio::test]
async fn only_configured_origins_are_allowed_and_with_credentials() {
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
async fn response_without_an_origin_varies_by_origin_too() {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([("--book-url", &book.url)]).await;
    for path in ["/books", "/payments", "/nothing"] {
        let response = gateway.get(path).send().await.unwrap();
        assert!(response.headers()["vary"].to_str().unwrap().contains("origin"), "{path}");
        assert!(!response.headers().contains_key("access-control-allow-origin"), "{path}");
    }
}

#[tokio::test]
async fn options_without_a_requested_method_is_forwarded() {
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
    // On the gateway's own routes, OPTIONS is a method like any other.
    for (path, status) in [("/status", StatusCode::METHOD_NOT_ALLOWED), ("/nothing", StatusCode::NOT_FOUND)] {
        assert_eq!(
            gateway.options(path).header("origin", PAGE).send().await.unwrap().status(),
            status,
            "{path}"
        );
    }
}

#[tokio::test]
async fn preflight_allows_no_method_that_the_route_rejects() {
    let gateway = Gateway::start([]).await;
    for path in ["/payments", "/payments/1", "/points", "/mypages/1", "/status", "/audit", "/nothing"] {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let asked = gateway.options(path).header("access-control-request-method", method);
            let answer = headers(asked, PAGE).await;
            assert_eq!(answer["access-control-allow-methods"], "GET, HEAD", "{method} {path}");
        }
    }
}

/// The prefixes of each service at the gateway, and its description.
const SERVICES: [(&[&str], &str); 5] = [
    (&["/books", "/screenings"], include_str!("../../../services/book/openapi.json")),
    (&["/payments"], include_str!("../../../services/payment/openapi.json")),
    (&["/mypages"], include_str!("../../../services/mypage/openapi.json")),
    (&["/tickets"], include_str!("../../../services/ticket/openapi.json")),
    (&["/points"], include_str!("../../../services/point/openapi.json")),
];

#[tokio::test]
async fn preflight_allows_every_described_method_that_the_gateway_forwards() {
    let gateway = Gateway::start([]).await;
    for (prefixes, description) in SERVICES {
        let description: serde_json::Value = serde_json::from_str(description).unwrap();
        for prefix in prefixes {
            let paths = description["paths"].as_object().unwrap().iter();
            let routes = paths.filter(|(path, _)| path.split('/').nth(1) == prefix.split('/').nth(1));
            let mut described = vec!["HEAD".to_owned()];
            for (_, route) in routes {
                described.extend(route.as_object().unwrap().keys().map(|method| method.to_uppercase()));
            }
            if ["/payments", "/points"].contains(prefix) {
                described.retain(|method| ["GET", "HEAD"].contains(&method.as_str()));
            }
            described.sort_unstable();
            described.dedup();
            let asked = gateway.options(prefix).header("access-control-request-method", "GET");
            let answer = headers(asked, PAGE).await;
            let mut allowed: Vec<&str> =
                answer["access-control-allow-methods"].to_str().unwrap().split(", ").collect();
            allowed.sort_unstable();
            assert_eq!(allowed, described, "{prefix}");
        }
    }
}

//! Responses that are sent before the request's body has been read, and responses without a body.

use axum::Router;
use reqwest::StatusCode;

use crate::app::Gateway;
use crate::upstreams::{self, Echo};

fn post(headers: &str, body: &str) -> String {
    let length = body.len();
    format!("POST /books HTTP/1.1\r\nhost: cinema\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

#[tokio::test]
async fn connection_stays_usable_after_a_429() {
    let book = Echo::start("book").await;
    let limit =
        [("--book-url", book.url.as_str()), ("--rate-limit-per-second", "1"), ("--rate-limit-burst", "1")];
    let gateway = Gateway::start(limit).await;
    let requests = post("", "first").repeat(20) + &post("connection: close\r\n", "last");
    let answers = gateway.exchange(&requests).await;
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 21, "{answers}");
    assert!(answers.contains("HTTP/1.1 429 ") && !answers.contains("HTTP/1.1 400 "), "{answers}");
}

#[tokio::test]
async fn rejecting_a_body_unread_closes_the_connection() {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([("--book-url", &book.url)]).await;
    // The body looks like requests, which must not be read as such.
    let answers = gateway.exchange(&post("content-encoding: gzip\r\n", &post("", "").repeat(1_000))).await;
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
    assert!(answers.starts_with("HTTP/1.1 415 ") && answers.contains("connection: close"), "{answers}");
    assert_eq!(book.requests(), 0);
}

#[tokio::test]
async fn not_modified_is_forwarded_without_a_length() {
    let unmodified = Router::new().fallback(|| async { StatusCode::NOT_MODIFIED });
    let book = upstreams::serve(upstreams::listener().await, unmodified);
    let gateway = Gateway::start([("--book-url", &book)]).await;
    for method in ["GET", "HEAD"] {
        let request =
            format!("{method} /screenings/1/seats HTTP/1.1\r\nhost: cinema\r\nconnection: close\r\n\r\n");
        let answer = gateway.exchange(&request).await;
        assert!(answer.starts_with("HTTP/1.1 304 ") && !answer.contains("content-length"), "{answer}");
    }
}

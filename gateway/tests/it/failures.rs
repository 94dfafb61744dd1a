//! Responses to a client whose service fails, and error responses of services.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::app::{Gateway, problem};
use crate::upstreams::{self, Echo, answering, read_head, resetting, responding_with, silent};

async fn booking_with(book: &str) -> reqwest::Response {
    let gateway = Gateway::start([("--book-url", book), ("--upstream-timeout-ms", "200")]).await;
    gateway.post("/books").body("{}").send().await.unwrap()
}

fn detail(problem: &Value) -> &str {
    problem["detail"].as_str().unwrap()
}

#[tokio::test]
async fn unreachable_service_is_a_503_with_retry_after() {
    let unreachable = upstreams::unreachable();
    let response = booking_with(&unreachable.url).await;
    assert_eq!(response.headers()["retry-after"], "1");
    let problem = problem(response, StatusCode::SERVICE_UNAVAILABLE, "upstream-unavailable").await;
    assert!(detail(&problem).contains("book is unreachable. The request was not sent to it"));
    assert_eq!(problem["instance"], "/books");
}

#[tokio::test]
async fn service_that_does_not_respond_in_time_is_a_504() {
    let response = booking_with(&silent().await).await;
    let problem = problem(response, StatusCode::GATEWAY_TIMEOUT, "upstream-timeout").await;
    assert!(detail(&problem).contains("book did not respond in time"));
}

#[tokio::test]
async fn timeout_starts_anew_with_each_request_on_a_connection() {
    let soon = || async {
        sleep(Duration::from_millis(20)).await;
        "soon"
    };
    let router =
        Router::new().route("/books/soon", get(soon)).route("/books/never", get(std::future::pending::<()>));
    let book = upstreams::serve(upstreams::listener().await, router);
    let gateway = Gateway::start([("--book-url", &book), ("--upstream-timeout-ms", "1000")]).await;
    assert_eq!(gateway.get("/books/soon").send().await.unwrap().status(), StatusCode::OK);

    // The first request would have timed out by now; its connection is still open.
    sleep(Duration::from_millis(1100)).await;

    assert_eq!(gateway.get("/books/soon").send().await.unwrap().status(), StatusCode::OK);
    let never = gateway.get("/books/never").send().await.unwrap();
    problem(never, StatusCode::GATEWAY_TIMEOUT, "upstream-timeout").await;
}

#[tokio::test]
async fn invalid_response_is_a_502() {
    for book in [
        resetting().await,
        responding_with("").await,
        responding_with("HTTP/1.1 200 OK\r\ncontent-le").await,
        responding_with("HTTP/1.1 2000 OK\r\n\r\n").await,
        responding_with("220 mail.example ESMTP\r\n").await,
        responding_with("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab").await,
        responding_with(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        )
        .await,
    ] {
        let response = booking_with(&book).await;
        let problem = problem(response, StatusCode::BAD_GATEWAY, "upstream-broken").await;
        assert!(detail(&problem).contains("book did not send a valid response"));
    }
}

#[tokio::test]
async fn truncated_body_is_not_forwarded_as_complete() {
    let book = responding_with("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    let gateway = Gateway::start([("--book-url", &book)]).await;
    // The error may come before the head has been forwarded.
    if let Ok(response) = gateway.get("/books").send().await {
        assert!(response.bytes().await.is_err());
    }
}

#[tokio::test]
async fn error_response_of_a_service_is_forwarded_unchanged() {
    for status in [402, 404, 409, 413, 500, 502, 503, 504].map(|code| StatusCode::from_u16(code).unwrap()) {
        let body = json!({"type": "/problems/its-own", "status": status.as_u16()});
        let response = booking_with(&answering(status, body.clone()).await).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["retry-after"], "7");
        assert_eq!(response.json::<Value>().await.unwrap(), body);
    }
}

#[tokio::test]
async fn media_type_of_a_service_is_forwarded_unchanged() {
    let book = responding_with(
        "HTTP/1.1 200 OK\r\ncontent-type: application/hal+json\r\ncontent-length: 2\r\n\r\n{}",
    )
    .await;
    let gateway = Gateway::start([("--book-url", &book)]).await;
    let request = gateway.get("/books").header("accept", "application/json");
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/hal+json");
}

#[tokio::test]
async fn restart_of_a_service_between_two_requests_fails_neither() {
    let mut listener = upstreams::listener().await;
    let address = listener.local_addr().unwrap();
    let gateway = Gateway::start([("--book-url", &upstreams::url(&listener))]).await;
    // Many times, because the second request races the notification that the first one's connection is
    // closed.
    for _ in 0..20 {
        let (kill, killed) = oneshot::channel();
        let life = tokio::spawn(one_answer_then(listener, killed));
        let response = gateway.post("/books").body("{}").send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "kept");
        kill.send(()).unwrap();
        life.await.unwrap();
        listener = TcpListener::bind(address).await.unwrap();
    }
    let book = Echo::start_on(listener, "book");
    let response = gateway.post("/books").body("{}").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(book.requests(), 1);
}

/// Runs a service that responds to one request, keeps the connection, and ends when it is killed.
async fn one_answer_then(listener: TcpListener, killed: oneshot::Receiver<()>) {
    let (mut connection, _) = listener.accept().await.unwrap();
    read_head(&mut connection).await;
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkept";
    connection.write_all(answer).await.unwrap();
    killed.await.unwrap();
}

#[tokio::test]
async fn next_request_reuses_the_connection() {
    let listener = upstreams::listener().await;
    let gateway = Gateway::start([("--book-url", &upstreams::url(&listener))]).await;
    // Only one connection is accepted: a request on a second one would get no response.
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        loop {
            read_head(&mut connection).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkept";
            connection.write_all(answer).await.unwrap();
        }
    });
    for _ in 0..3 {
        let response = gateway.get("/books").send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "kept");
    }
}

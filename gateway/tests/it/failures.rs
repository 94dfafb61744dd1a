//! What a client is told when a service does not answer, and when it does.

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
use crate::upstreams::{self, Echo, answering, read_head, resetting, saying, silent};

async fn booking_with(book: &str) -> reqwest::Response {
    let gateway = Gateway::start([("--book-url", book), ("--upstream-timeout-ms", "200")]).await;
    gateway.post("/books").body("{}").send().await.unwrap()
}

fn detail(problem: &Value) -> &str {
    problem["detail"].as_str().unwrap()
}

#[tokio::test]
async fn a_service_that_is_gone_is_a_503_that_says_when_to_try_again() {
    let nobody = upstreams::nobody();
    let response = booking_with(&nobody.url).await;
    assert_eq!(response.headers()["retry-after"], "1");
    let problem = problem(response, StatusCode::SERVICE_UNAVAILABLE, "upstream-unavailable").await;
    assert!(detail(&problem).contains("book cannot be reached. Nothing was done"));
    assert_eq!(problem["instance"], "/books");
}

#[tokio::test]
async fn a_service_that_does_not_answer_in_time_is_a_504() {
    let response = booking_with(&silent().await).await;
    let problem = problem(response, StatusCode::GATEWAY_TIMEOUT, "upstream-timeout").await;
    assert!(detail(&problem).contains("book did not answer in time"));
}

#[tokio::test]
async fn the_time_for_an_answer_begins_with_each_request_on_a_connection() {
    let soon = || async {
        sleep(Duration::from_millis(20)).await;
        "soon"
    };
    let router =
        Router::new().route("/books/soon", get(soon)).route("/books/never", get(std::future::pending::<()>));
    let book = upstreams::serve(upstreams::listener().await, router);
    let gateway = Gateway::start([("--book-url", &book), ("--upstream-timeout-ms", "1000")]).await;
    assert_eq!(gateway.get("/books/soon").send().await.unwrap().status(), StatusCode::OK);

    // The time of the first request is over, and its connection is kept.
    sleep(Duration::from_millis(1100)).await;

    assert_eq!(gateway.get("/books/soon").send().await.unwrap().status(), StatusCode::OK);
    let never = gateway.get("/books/never").send().await.unwrap();
    problem(never, StatusCode::GATEWAY_TIMEOUT, "upstream-timeout").await;
}

#[tokio::test]
async fn an_answer_that_breaks_or_is_none_is_a_502() {
    for book in [
        resetting().await,
        saying("").await,
        saying("HTTP/1.1 200 OK\r\ncontent-le").await,
        saying("HTTP/1.1 2000 OK\r\n\r\n").await,
        saying("220 mail.example ESMTP\r\n").await,
        saying("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab").await,
        saying("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").await,
    ] {
        let response = booking_with(&book).await;
        let problem = problem(response, StatusCode::BAD_GATEWAY, "upstream-broken").await;
        assert!(detail(&problem).contains("book gave no valid answer"));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_in_its_body_is_not_passed_as_whole() {
    let book = saying("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    let gateway = Gateway::start([("--book-url", &book)]).await;
    // It may break off before its head has gone out.
    if let Ok(response) = gateway.get("/books").send().await {
        assert!(response.bytes().await.is_err());
    }
}

#[tokio::test]
async fn what_a_service_says_itself_is_left_as_it_is() {
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
async fn the_media_type_a_service_chose_is_left_as_it_is() {
    let book =
        saying("HTTP/1.1 200 OK\r\ncontent-type: application/hal+json\r\ncontent-length: 2\r\n\r\n{}").await;
    let gateway = Gateway::start([("--book-url", &book)]).await;
    let request = gateway.get("/books").header("accept", "application/json");
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/hal+json");
}

#[tokio::test]
async fn a_restart_of_a_service_between_two_requests_fails_neither() {
    let mut listener = upstreams::listener().await;
    let address = listener.local_addr().unwrap();
    let gateway = Gateway::start([("--book-url", &upstreams::url(&listener))]).await;
    // Many lives: the second request of a life races the news that the first one's connection is closed.
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

/// A service that answers one request, keeps the connection, and dies when told.
async fn one_answer_then(listener: TcpListener, killed: oneshot::Receiver<()>) {
    let (mut connection, _) = listener.accept().await.unwrap();
    read_head(&mut connection).await;
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkept";
    connection.write_all(answer).await.unwrap();
    killed.await.unwrap();
}

#[tokio::test]
async fn a_kept_connection_serves_the_next_request() {
    let listener = upstreams::listener().await;
    let gateway = Gateway::start([("--book-url", &upstreams::url(&listener))]).await;
    // One connection is accepted and no other: a second request on a new one would get no answer.
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

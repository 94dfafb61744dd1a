//! When a connection carries another request.

use std::time::Duration;

use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use http_pool::{ExchangeError, IDLE_TIMEOUT};
use tokio::time::{Instant, timeout};

use crate::upstream::{ANSWER, HANG, Upstream, get, is_kept_after, post, send, text};

fn request(method: Method) -> http_pool::Outgoing {
    Request::builder().method(method).uri("/books").body(Full::default()).unwrap()
}

#[tokio::test]
async fn connection_is_kept_after_a_complete_answer() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 300\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    ] {
        assert!(is_kept_after(get("/books"), answer.as_bytes()).await, "{answer}");
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 300\r\n\r\n";
    assert!(is_kept_after(request(Method::HEAD), head.as_bytes()).await);
}

#[tokio::test]
async fn connection_is_closed_after_a_doubtful_answer() {
    for answer in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nconnection: x, Close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 1\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "220 mail.example ESMTP\r\n",
    ] {
        assert!(!is_kept_after(get("/books"), answer.as_bytes()).await, "{answer}");
    }
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    assert!(!is_kept_after(request(Method::HEAD), head.as_bytes()).await);
}

#[tokio::test]
async fn invalid_content_length_is_removed() {
    let upstream = Upstream::start().await;
    let pool = upstream.pool.clone();
    let sending = tokio::spawn(async move { send(&pool, get("/books")).await });
    let mut connection = upstream.accept().await;
    connection.head().await;
    let answer =
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    connection.write(answer).await;
    let response = sending.await.unwrap().unwrap();
    assert!(!response.headers().contains_key("content-length"));
    assert_eq!(text(response).await.unwrap(), "ok");
}

#[tokio::test]
async fn answer_before_the_request_is_complete_closes_the_connection() {
    let upstream = Upstream::with_small_buffers();
    let length = 16 * 1024 * 1024;
    let sending = upstream.send(post(vec![b'x'; length]));
    let mut connection = upstream.accept().await;
    connection.head().await;
    connection.write(ANSWER).await;
    assert_eq!(timeout(HANG, sending).await.unwrap().unwrap().unwrap(), "ok");
    // hyper alone would write the rest here, and then the next request.
    assert!(connection.closed().await < length);
}

#[tokio::test]
async fn rest_of_a_request_is_written_while_its_early_answer_is_read() {
    let upstream = Upstream::with_small_buffers();
    let length = 16 * 1024 * 1024;
    let pool = upstream.pool.clone();
    let sending = tokio::spawn(async move { send(&pool, post(vec![b'x'; length])).await });
    let mut connection = upstream.accept().await;
    connection.head().await;
    connection.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n").await;
    let reading = tokio::spawn(async move { text(sending.await.unwrap().unwrap()).await });

    assert_eq!(connection.body(length).await.len(), length);
    connection.write(b"ok").await;

    assert_eq!(timeout(HANG, reading).await.unwrap().unwrap().unwrap(), "ok");
    assert_eq!(connection.closed().await, 0);
}

#[tokio::test]
async fn truncated_answer_is_an_error_and_closes_the_connection() {
    let upstream = Upstream::start().await;
    let sending = upstream.send(get("/books"));
    let mut connection = upstream.accept().await;
    connection.head().await;
    connection.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    drop(connection);
    assert!(timeout(HANG, sending).await.unwrap().unwrap().is_err());
}

#[tokio::test]
async fn dropped_answer_closes_the_connection() {
    let upstream = Upstream::start().await;
    let pool = upstream.pool.clone();
    let sending = tokio::spawn(async move { send(&pool, get("/books")).await });
    let mut connection = upstream.accept().await;
    connection.head().await;
    connection.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    let mut response = sending.await.unwrap().unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let first = response.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "half");
    drop(response);
    assert_eq!(connection.closed().await, 0);
}

#[tokio::test]
async fn dropped_request_closes_the_connection() {
    let upstream = Upstream::start().await;
    let sending = upstream.send(get("/books"));
    let mut connection = upstream.accept().await;
    connection.head().await;
    sending.abort();
    assert_eq!(connection.closed().await, 0);
}

#[tokio::test]
async fn passed_deadline_closes_the_connection() {
    let upstream = Upstream::start().await;
    let pool = upstream.pool.clone();
    let soon = Instant::now() + Duration::from_millis(20);
    let sending = tokio::spawn(async move { pool.send(get("/books"), soon).await.map(|_| ()) });
    let mut connection = upstream.accept().await;
    assert!(matches!(sending.await.unwrap(), Err(ExchangeError::TimedOut)));
    connection.closed().await;
}

#[tokio::test]
async fn bytes_on_an_idle_connection_close_it() {
    let upstream = Upstream::start().await;
    let sending = upstream.send(get("/books"));
    let mut connection = upstream.accept().await;
    connection.head().await;
    connection.write(ANSWER).await;
    assert_eq!(sending.await.unwrap().unwrap(), "ok");

    // The kernel has these bytes, and the event loop of this thread does not know of them yet.
    std::io::Write::write_all(&mut connection.0.into_std().unwrap(), ANSWER).unwrap();
    let next = upstream.send(post("{}"));

    let mut other = upstream.accept().await;
    assert!(other.head().await.starts_with("POST /books"));
    other.write(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nown").await;
    assert_eq!(next.await.unwrap().unwrap(), "own");
}

#[tokio::test(start_paused = true)]
async fn idle_connection_is_closed_after_its_timeout() {
    let upstream = Upstream::start().await;
    let sending = upstream.send(get("/books"));
    let mut connection = upstream.accept().await;
    connection.head().await;
    connection.write(ANSWER).await;
    assert_eq!(sending.await.unwrap().unwrap(), "ok");

    tokio::time::advance(IDLE_TIMEOUT).await;
    upstream.pool.prune();
    let next = upstream.send(get("/next"));
    assert!(connection.head().await.starts_with("GET /next"), "its timeout has not passed");
    connection.write(ANSWER).await;
    assert_eq!(next.await.unwrap().unwrap(), "ok");

    tokio::time::advance(IDLE_TIMEOUT + Duration::from_millis(1)).await;
    upstream.pool.prune();
    assert_eq!(connection.closed().await, 0);
}

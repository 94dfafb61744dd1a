//! A client's body must not become the service's next request.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::app::{Gateway, HANG};
use crate::upstreams;

/// Starts a service that frames requests correctly, and responds before it has read the body, like a service
/// whose deadline passes at once.
async fn early_service() -> (String, mpsc::UnboundedReceiver<String>) {
    let listener: TcpListener = upstreams::listener().await;
    let url = upstreams::url(&listener);
    let (see, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let see = see.clone();
            tokio::spawn(async move {
                loop {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = connection.read_u8().await else { return };
                        head.push(byte);
                    }
                    let head = String::from_utf8(head).unwrap();
                    let line = head.lines().next().unwrap().to_owned();
                    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                    let length: usize = length.map_or(0, |length| length.parse().unwrap());
                    if !line.contains("/readyz") {
                        see.send(line.clone()).unwrap();
                    }
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{line}", line.len());
                    if connection.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                    let mut body = vec![0; length];
                    if connection.read_exact(&mut body).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (url, seen)
}

#[tokio::test]
async fn body_of_a_request_for_a_description_does_not_become_the_next_request() {
    let (book, mut seen) = early_service().await;
    let gateway = Gateway::start([("--book-url", &book)]).await;
    let smuggled =
        "POST /cancellations HTTP/1.1\r\nhost: book\r\ncontent-length: 15\r\n\r\n{\"bookingId\":1}";
    // If the head were forwarded without the body, the service would read this many bytes of the next request
    // as the body.
    let next = "GET /books/1 HTTP/1.1\r\nhost: cinema\r\nx-eaten: ";
    let length = next.len() + 200;
    let attack = format!(
        "GET /api-docs/book/openapi.json HTTP/1.1\r\nhost: cinema\r\nx-request-timeout-ms: 1\r\n\
         connection: close\r\ncontent-length: {length}\r\n\r\n{}",
        "x".repeat(length)
    );
    let answer = gateway.exchange(&attack).await;
    assert!(answer.ends_with("GET /api-docs/openapi.json HTTP/1.1"), "{answer}");
    let victim = format!(
        "POST /books HTTP/1.1\r\nhost: cinema\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{}",
        smuggled.len() + 400,
        "y".repeat(400) + smuggled
    );
    let answer = gateway.exchange(&victim).await;
    assert!(answer.ends_with("POST /books HTTP/1.1"), "the victim got another response: {answer}");

    let another =
        gateway.exchange("GET /books/1 HTTP/1.1\r\nhost: cinema\r\nconnection: close\r\n\r\n").await;
    assert!(another.ends_with("GET /books/1 HTTP/1.1"), "a third client got another response: {another}");
    for line in ["GET /api-docs/openapi.json HTTP/1.1", "POST /books HTTP/1.1", "GET /books/1 HTTP/1.1"] {
        assert_eq!(timeout(HANG, seen.recv()).await.unwrap().unwrap(), line);
    }
    assert!(timeout(Duration::from_millis(50), seen.recv()).await.is_err(), "a request that no client sent");
}

//! How much a client may send, and how.

use futures_util::stream;
use reqwest::{Body, StatusCode};
use service_kit::body::BODY_LIMIT_BYTES;

use crate::app::{Gateway, json, problem};
use crate::upstreams::Echo;

async fn start() -> (Gateway, Echo) {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([("--book-url", &book.url)]).await;
    (gateway, book)
}

/// A body whose length is not declared.
fn chunked(bytes: usize) -> Body {
    let chunk = vec![b' '; 1024];
    let chunks = (0..bytes / chunk.len()).map(move |_| Ok::<_, std::io::Error>(chunk.clone()));
    Body::wrap_stream(stream::iter(chunks))
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_goes_through() {
    let (gateway, _book) = start().await;
    let declared = Body::from(vec![b' '; BODY_LIMIT_BYTES]);
    for body in [declared, chunked(BODY_LIMIT_BYTES)] {
        let seen = json(gateway.post("/books").body(body)).await;
        assert_eq!(seen["length"], BODY_LIMIT_BYTES);
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413_and_reaches_no_service() {
    let (gateway, book) = start().await;
    for body in [
        Body::from(vec![b' '; BODY_LIMIT_BYTES + 1]),
        Body::from(vec![b' '; 8 * BODY_LIMIT_BYTES]),
        chunked(BODY_LIMIT_BYTES + 1024),
        chunked(8 * BODY_LIMIT_BYTES),
    ] {
        let response = gateway.post("/books").body(body).send().await.unwrap();
        problem(response, StatusCode::PAYLOAD_TOO_LARGE, "body-too-large").await;
    }
    assert_eq!(book.requests(), 0);
}

#[tokio::test]
async fn a_client_that_asks_before_sending_too_much_is_told_at_once() {
    let (gateway, _book) = start().await;
    let request = "POST /books HTTP/1.1\r\nhost: cinema\r\nconnection: close\r\nexpect: 100-continue\r\n\
                   content-length: 2097152\r\n\r\n";
    let answer = gateway.exchange(request).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_the_clients_mistake_and_reaches_no_service() {
    let (gateway, book) = start().await;
    let request = "POST /books HTTP/1.1\r\nhost: cinema\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
                   2\r\n{}\r\nno size\r\n";
    let answer = gateway.exchange(request).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("/problems/malformed-body"), "{answer}");
    assert_eq!(book.requests(), 0);
}

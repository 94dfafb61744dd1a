//! Limits of request bodies.

use futures_util::stream;
use http_api::body_limit::{BODY_LIMIT_BYTES, LARGE_BODY_LIMIT_BYTES};
use reqwest::{Body, StatusCode};

use crate::app::{Gateway, json, problem};
use crate::upstreams::Echo;

/// Routes and their limits. Only staff send large bodies.
const LIMITS: [(&str, usize); 3] = [
    ("/books", BODY_LIMIT_BYTES),
    ("/screenings/1", BODY_LIMIT_BYTES),
    ("/screenings", LARGE_BODY_LIMIT_BYTES),
];

async fn start() -> (Gateway, Echo) {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([("--book-url", &book.url)]).await;
    (gateway, book)
}

/// Creates a body without a declared length.
fn chunked(bytes: usize) -> Body {
    let chunk = vec![b' '; 1024];
    let chunks = (0..bytes / chunk.len()).map(move |_| Ok::<_, std::io::Error>(chunk.clone()));
    Body::wrap_stream(stream::iter(chunks))
}

#[tokio::test]
async fn body_of_exactly_the_limit_of_its_route_is_forwarded() {
    let (gateway, _book) = start().await;
    for (path, limit) in LIMITS {
        let declared = Body::from(vec![b' '; limit]);
        for body in [declared, chunked(limit)] {
            let seen = json(gateway.post(path).body(body)).await;
            assert_eq!(seen["length"], limit, "{path}");
        }
    }
}

#[tokio::test]
async fn body_above_the_limit_of_its_route_is_a_413_and_reaches_no_service() {
    let (gateway, book) = start().await;
    for (path, limit) in LIMITS {
        for body in [
            Body::from(vec![b' '; limit + 1]),
            Body::from(vec![b' '; 8 * limit]),
            chunked(limit + 1024),
            chunked(2 * limit),
        ] {
            let response = gateway.post(path).body(body).send().await.unwrap();
            let body = problem(response, StatusCode::PAYLOAD_TOO_LARGE, "body-too-large").await;
            assert!(body["detail"].as_str().unwrap().contains(&limit.to_string()), "{body}");
        }
    }
    assert_eq!(book.requests(), 0);
}

#[tokio::test]
async fn encoded_body_is_a_415_and_reaches_no_service() {
    let (gateway, book) = start().await;
    let encoded = gateway.post("/books").header("content-encoding", "gzip").body("{}").send().await.unwrap();
    problem(encoded, StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type").await;
    assert_eq!(book.requests(), 0);
}

#[tokio::test]
async fn client_that_expects_100_continue_for_a_large_body_gets_413_at_once() {
    let (gateway, _book) = start().await;
    let request = "POST /books HTTP/1.1\r\nhost: cinema\r\nconnection: close\r\nexpect: 100-continue\r\n\
                   content-length: 2097152\r\n\r\n";
    let answer = gateway.exchange(request).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn malformed_body_is_a_400_and_reaches_no_service() {
    let (gateway, book) = start().await;
    let request = "POST /books HTTP/1.1\r\nhost: cinema\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
                   2\r\n{}\r\nno size\r\n";
    let answer = gateway.exchange(request).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains("/problems/malformed-body"), "{answer}");
    assert_eq!(book.requests(), 0);
}

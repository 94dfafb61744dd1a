//! Requests and responses byte by byte.

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::app::{Gateway, HANG};
use crate::upstreams::{echoing_heads, recording_heads};

/// Sends `request`, and returns the head that the service received.
async fn head_sent_for(gateway: &Gateway, request: &str) -> String {
    let answer = gateway.exchange(request).await;
    let (_, head) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("GET /") || head.starts_with("HEAD /"), "{answer}");
    head.to_owned()
}

fn names(head: &str) -> Vec<&str> {
    let mut names: Vec<_> = head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0)).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn request_for_a_description_carries_no_header_of_the_client() {
    let ticket = echoing_heads().await;
    let gateway = Gateway::start([("--ticket-url", &ticket)]).await;
    let smuggled = "POST /cancellations HTTP/1.1\r\nhost: x\r\ncontent-length: 15\r\n\r\n{\"bookingId\": 1}";
    let request = format!(
        "GET /api-docs/ticket/openapi.json HTTP/1.1\r\nhost: cinema\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nx-request-timeout-ms: 1\r\n\
         x-staff-token: mine\r\nauthorization: Bearer mine\r\ncookie: a=b\r\nif-none-match: *\r\n\
         x-request-id: mine\r\nx-mine: 1\r\n\r\n{smuggled}",
        smuggled.len()
    );
    let head = head_sent_for(&gateway, &request).await;
    assert!(head.starts_with("GET /api-docs/openapi.json HTTP/1.1\r\n"), "{head}");
    assert_eq!(names(&head), ["accept", "host", "traceparent", "x-request-id"]);
    assert!(head.contains("\r\nx-request-id: mine\r\n"), "{head}");
}

#[tokio::test]
async fn requests_of_the_gateways_own_carry_no_header_of_a_client() {
    let (seen, mut heads) = mpsc::unbounded_channel();
    let all = recording_heads(seen).await;
    let services = ["--book-url", "--payment-url", "--mypage-url", "--ticket-url", "--point-url"];
    let gateway = Gateway::start(services.map(|flag| (flag, all.as_str()))).await;
    for path in ["/status", "/audit"] {
        let request = gateway.as_staff(path).header("x-mine", "1").header("x-request-timeout-ms", "1");
        request.header("content-type", "text/plain").body("smuggled").send().await.unwrap();
        let head = heads.recv().await.unwrap();
        assert!(names(&head).iter().all(|name| ["accept", "host"].contains(name)), "{path}: {head}");
        while let Ok(head) = heads.try_recv() {
            assert!(names(&head).iter().all(|name| ["accept", "host"].contains(name)), "{path}: {head}");
        }
    }
}

#[tokio::test]
async fn bare_line_feed_is_accepted_from_a_client_and_never_forwarded() {
    let book = echoing_heads().await;
    let gateway = Gateway::start([("--book-url", &book)]).await;
    let request = "GET /books HTTP/1.1\nhost: cinema\nx-mine: 1\r\nconnection: close\n\n";
    let head = head_sent_for(&gateway, request).await;
    assert_eq!(head.matches('\n').count(), head.matches("\r\n").count(), "{head:?}");
    assert_eq!(head.matches('\r').count(), head.matches("\r\n").count(), "{head:?}");
    assert!(head.contains("\r\nx-mine: 1\r\n"), "{head:?}");
}

/// Sends `request` and reads until the gateway closes, which it does by itself.
async fn answer_to(gateway: &Gateway, request: &[u8]) -> String {
    let mut connection = TcpStream::connect(gateway.address).await.unwrap();
    connection.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    timeout(HANG, connection.read_to_end(&mut answer)).await.expect("the gateway closes").unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn malformed_request_gets_an_empty_response_and_closes_the_connection() {
    let gateway = Gateway::start([]).await;
    let long_path = format!("GET /{} HTTP/1.1\r\nhost: cinema\r\n\r\n", "a".repeat(16 * 1024));
    let many_headers = format!("GET / HTTP/1.1\r\nhost: cinema\r\n{}\r\n", "x-mine: 1\r\n".repeat(100));
    for (request, status) in [
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", StatusCode::BAD_REQUEST),
        ("GET / HTTP/1.1\r\nhost : cinema\r\n\r\n", StatusCode::BAD_REQUEST),
        ("GET  / HTTP/1.1\r\nhost: cinema\r\n\r\n", StatusCode::BAD_REQUEST),
        (
            "GET / HTTP/1.1\r\nhost: cinema\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            StatusCode::BAD_REQUEST,
        ),
        ("GET / HTTP/1.1\r\nhost: cinema\r\ncontent-length: +1\r\n\r\n", StatusCode::BAD_REQUEST),
        ("GET / HTTP/1.1\r\nhost: cinema\r\ntransfer-encoding: gzip\r\n\r\n", StatusCode::BAD_REQUEST),
        ("GET / HTTP/3.0\r\nhost: cinema\r\n\r\n", StatusCode::BAD_REQUEST),
        // Longer than the limit of the whole head, so the status is not 414.
        (&long_path, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        (&many_headers, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
    ] {
        let answer = answer_to(&gateway, request.as_bytes()).await;
        let shown = &request[..request.len().min(90)];
        assert!(answer.starts_with(&format!("HTTP/1.1 {} ", status.as_u16())), "{shown:?}: {answer}");
        assert!(
            answer.ends_with("\r\n\r\n") && answer.contains("content-length: 0\r\n"),
            "{shown:?}: {answer}"
        );
        assert!(answer.contains("connection: close\r\n"), "{shown:?}: {answer}");
    }
}

//! Responses before the body of the request has been read.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::process::{HANG, Process, post_of};

/// A request that must never be processed when it is in a body.
const SMUGGLED: &str =
    "POST /items HTTP/1.1\r\nhost: cinema\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

/// Paths of probes, which respond to a `POST` before they read its body.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

#[tokio::test]
async fn small_body_is_discarded_and_the_next_request_is_answered() {
    let process = Process::start(&[]).await;
    let mut wire = process.connect().await;
    for path in PROBES {
        wire.send(post_of(path, "", &SMUGGLED.repeat(16_000 / SMUGGLED.len()))).await;
        let (head, _) = wire.answer().await;
        assert_eq!((&head[9..12], head.contains("connection: close")), ("405", false), "{path}: {head}");
    }
    wire.send(SMUGGLED).await;
    assert_eq!(wire.answer().await.1, r#"{"number":1}"#);
}

#[tokio::test]
async fn small_body_in_pieces_is_discarded_too() {
    let process = Process::start(&[]).await;
    let mut wire = process.connect().await;
    let head = "POST /livez HTTP/1.1\r\nhost: cinema\r\ntransfer-encoding: chunked\r\n\r\n";
    wire.send(format!("{head}{}0\r\n\r\n{SMUGGLED}", "1\r\nx\r\n".repeat(1_000))).await;
    let (head, _) = wire.answer().await;
    assert!(!head.contains("connection: close"), "{head}");
    assert_eq!(wire.answer().await.1, r#"{"number":1}"#);
}

#[tokio::test]
async fn rejected_request_keeps_its_connection() {
    let mut process = Process::start(&["--max-concurrent-requests", "1", "--max-queued-requests", "0"]).await;
    let mut runs = process.work().await;
    let mut wire = process.connect().await;
    for _ in 0..3 {
        wire.send(post_of("/items", "", &format!("{{\"x\": \"{}\"}}", "x".repeat(10_000)))).await;
        let (head, body) = wire.answer().await;
        assert!(head.starts_with("http/1.1 503") && !head.contains("connection: close"), "{head}");
        assert!(body.contains("/problems/overloaded"), "{body}");
    }
    process.may_end.add_permits(1);
    assert_eq!(runs.status().await, "200");
    wire.send(SMUGGLED).await;
    assert_eq!(wire.answer().await.1, r#"{"number":1}"#);
}

#[tokio::test]
async fn body_that_has_not_arrived_ends_the_connection() {
    let process = Process::start(&[]).await;
    for (path, headers, status) in [("/livez", "", "405"), ("/items", "x-request-timeout-ms: 1\r\n", "504")] {
        let mut wire = process.connect().await;
        let request = post_of(path, headers, &"x".repeat(100));
        wire.send(&request[..request.len() - 100]).await;
        let (head, _) = wire.answer().await;
        assert_eq!((&head[9..12], head.contains("connection: close")), (status, true), "{path}: {head}");
        // Too late: these bytes are the missing body, not a request.
        let _ = wire.0.write_all(SMUGGLED.as_bytes()).await;
        let _ = wire.0.shutdown().await;
        assert_eq!(wire.rest().await, "");
    }
    assert_eq!(process.posted(), 0);
}

#[tokio::test]
async fn large_body_ends_the_connection_but_its_client_still_gets_the_response() {
    let process = Process::start(&[]).await;
    for path in PROBES {
        let mut wire = process.connect().await;
        wire.send(post_of(path, "", &SMUGGLED.repeat(8_000))).await;
        let (head, _) = wire.answer().await;
        assert_eq!((&head[9..12], head.contains("connection: close")), ("405", true), "{path}: {head}");
        let _ = wire.0.shutdown().await;
        assert_eq!(wire.rest().await, "");
    }
    assert_eq!(process.posted(), 0);
}

#[tokio::test]
async fn connection_lingers_while_its_client_still_sends() {
    let process = Process::start(&[]).await;
    let mut wire = process.connect().await;
    wire.send("POST /livez HTTP/1.1\r\nhost: cinema\r\ncontent-length: 500000\r\n\r\n").await;
    assert_eq!(wire.status().await, "405");
    for _ in 0..5 {
        wire.send(vec![b'x'; 100_000]).await;
    }
    wire.0.shutdown().await.unwrap();
    let mut rest = Vec::new();
    timeout(HANG, wire.0.read_to_end(&mut rest)).await.expect("it closes").expect("it is not reset");
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn body_that_is_too_large_is_413_names_the_limit_and_ends_the_connection() {
    let process = Process::start(&[]).await;
    for (path, limit) in [("/items", 16_384), ("/large", 262_144)] {
        let mut wire = process.connect().await;
        wire.send(post_of(path, "", &format!("{{{}}}", " ".repeat(limit - 2)))).await;
        assert_eq!(wire.status().await, "200", "{path}");
        wire.send(post_of(path, "", &format!("{{{}}}", " ".repeat(limit - 1)))).await;
        let (head, body) = wire.answer().await;
        assert!(
            head.starts_with("http/1.1 413") && body.contains(&format!("at most {limit} bytes")),
            "{head}{body}"
        );
    }
}

#[tokio::test]
async fn unread_body_is_not_requested_from_a_client_that_expects_100() {
    let process = Process::start(&[]).await;
    let mut wire = process.connect().await;
    wire.send("POST /livez HTTP/1.1\r\nhost: cinema\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n")
        .await;
    let (head, _) = wire.answer().await;
    assert!(head.starts_with("http/1.1 405") && head.contains("connection: close"), "{head}");
    let _ = wire.0.shutdown().await;
    assert_eq!(wire.rest().await, "");
}

#[tokio::test]
async fn not_modified_has_no_length_for_get_and_head() {
    let process = Process::start(&[]).await;
    let mut wire = process.connect().await;
    for method in ["GET", "HEAD"] {
        wire.send(format!("{method} /same HTTP/1.1\r\nhost: cinema\r\n\r\n")).await;
        let (head, _) = wire.answer().await;
        assert!(head.starts_with("http/1.1 304") && !head.contains("content-length"), "{method}: {head}");
        assert!(head.contains("vary: accept") && head.contains("cache-control: no-store"), "{head}");
    }
}

//! Requests as bytes on the wire.

use http::{Method, Request};
use http_body_util::Full;

use crate::upstream::{ANSWER, Upstream, get, post};

/// Sends `request`, and returns the head that the upstream reads.
async fn head_of(request: http_pool::Outgoing) -> String {
    let upstream = Upstream::start().await;
    let sending = upstream.send(request);
    let mut connection = upstream.accept().await;
    let head = connection.head().await;
    connection.write(ANSWER).await;
    let _ = sending.await.unwrap();
    head
}

#[tokio::test]
async fn request_without_a_body_carries_no_content_length() {
    let mut request = get("/books");
    request.headers_mut().insert("content-length", 44.into());
    let head = head_of(request).await;
    assert!(!head.contains("content-length"), "{head}");
}

#[tokio::test]
async fn content_length_is_that_of_the_body_whatever_the_headers_contain() {
    for (name, value) in
        [("content-length", "3"), ("content-length", "300"), ("transfer-encoding", "chunked")]
    {
        let mut request = post("12345");
        request.headers_mut().insert(name, value.parse().unwrap());
        let head = head_of(request).await;
        assert_eq!(head.matches("content-length: 5\r\n").count(), 1, "{head}");
        assert!(!head.contains("transfer-encoding"), "{head}");
    }
}

#[tokio::test]
async fn empty_post_carries_content_length_0() {
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        let request = Request::builder().method(method).uri("/books").body(Full::default()).unwrap();
        let head = head_of(request).await;
        assert_eq!(head.matches("content-length: 0\r\n").count(), 1, "{head}");
    }
}

#[tokio::test]
async fn hop_by_hop_headers_are_removed() {
    let mut request = post("{}");
    for name in ["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect"] {
        request.headers_mut().insert(name, "close, 100-continue".parse().unwrap());
    }
    request.headers_mut().insert("x-kept", "1".parse().unwrap());
    let mut lines: Vec<_> = head_of(request).await.lines().map(str::to_owned).collect();
    lines.retain(|line| !line.starts_with("host: ") && !line.is_empty());
    lines.sort_unstable();
    assert_eq!(lines, ["POST /books HTTP/1.1", "content-length: 2", "x-kept: 1"]);
}

#[tokio::test]
async fn absolute_form_reaches_the_upstream_as_origin_form() {
    let head = head_of(get("http://evil.example/books?page=1")).await;
    assert!(head.starts_with("GET /books?page=1 HTTP/1.1\r\n"), "{head}");
    assert!(!head.contains("evil"), "{head}");
}

#[tokio::test]
async fn old_version_is_raised_to_1_1() {
    let mut request = get("/books");
    *request.version_mut() = http::Version::HTTP_10;
    assert!(head_of(request).await.starts_with("GET /books HTTP/1.1\r\n"));
}

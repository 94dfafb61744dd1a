//! Headers that are forwarded with a request and a response, and headers that are not.

use serde_json::{Value, json as value};

use crate::app::{Gateway, json};
use crate::upstreams::{Echo, responding_with};

async fn start() -> (Gateway, Echo) {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([("--book-url", &book.url)]).await;
    (gateway, book)
}

/// Sends the bytes of `request`, and returns what the upstream received.
async fn seen(gateway: &Gateway, request: &str) -> Value {
    let answer = gateway.exchange(request).await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn hop_by_hop_headers_of_a_request_are_not_forwarded() {
    let (gateway, _book) = start().await;
    let seen = seen(
        &gateway,
        "GET /books HTTP/1.1\r\nhost: cinema\r\nconnection: close, x-nominated\r\nx-nominated: 1\r\n\
         keep-alive: timeout=5\r\nte: gzip\r\nproxy-connection: close\r\nupgrade: h2c\r\n\
         accept: text/plain\r\nx-kept: one\r\nx-kept: two\r\n\r\n",
    )
    .await;
    for name in ["connection", "x-nominated", "keep-alive", "te", "proxy-connection", "upgrade"] {
        assert_eq!(seen["headers"][name], Value::Null, "{name}");
    }
    assert_eq!(seen["headers"]["accept"], value!(["text/plain"]));
    assert_eq!(seen["headers"]["x-kept"], value!(["one", "two"]));
}

#[tokio::test]
async fn hop_by_hop_headers_of_a_response_are_not_forwarded() {
    let book = responding_with(
        "HTTP/1.1 200 OK\r\nconnection: close, x-nominated\r\nx-nominated: 1\r\nkeep-alive: timeout=5\r\n\
         proxy-connection: close\r\nupgrade: h2c\r\nx-kept: one\r\nx-kept: two\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    let gateway = Gateway::start([("--book-url", &book)]).await;
    let response = gateway.get("/books").send().await.unwrap();
    for name in ["connection", "x-nominated", "keep-alive", "proxy-connection", "upgrade"] {
        assert!(!response.headers().contains_key(name), "{name}");
    }
    assert_eq!(response.headers().get_all("x-kept").iter().count(), 2);
    assert_eq!(response.text().await.unwrap(), "ok");
}

#[tokio::test]
async fn service_receives_the_clients_address_host_and_scheme() {
    let (gateway, book) = start().await;
    let seen =
        seen(&gateway, "GET /books HTTP/1.1\r\nhost: cinema.example:8088\r\nconnection: close\r\n\r\n").await;
    let headers = &seen["headers"];
    assert_eq!(headers["x-forwarded-for"], value!(["127.0.0.1"]));
    assert_eq!(headers["x-forwarded-host"], value!(["cinema.example:8088"]));
    assert_eq!(headers["x-forwarded-proto"], value!(["http"]));
    assert_eq!(headers["host"], value!([book.url.strip_prefix("http://")]));
}

#[tokio::test]
async fn headers_that_only_the_fleet_may_set_are_removed() {
    let (gateway, _book) = start().await;
    let seen = json(
        gateway
            .get("/books")
            .header("x-request-timeout-ms", "1")
            .header("x-real-ip", "203.0.113.7")
            .header("x-forwarded-server", "evil")
            .header("x-forwarded-anything", "evil")
            .header("forwarded", "for=203.0.113.7")
            .header("idempotency-key", "mine")
            .header("x-staff-token", "mine"),
    )
    .await;
    let headers = &seen["headers"];
    for name in
        ["x-request-timeout-ms", "x-real-ip", "x-forwarded-server", "x-forwarded-anything", "forwarded"]
    {
        assert_eq!(headers[name], Value::Null, "{name}");
    }
    // Clients may send these.
    assert_eq!(headers["idempotency-key"], value!(["mine"]));
    assert_eq!(headers["x-staff-token"], value!(["mine"]));
}

#[tokio::test]
async fn connection_cannot_remove_headers_that_the_gateway_sets_or_a_service_needs() {
    let (gateway, book) = start().await;
    let seen = seen(
        &gateway,
        "POST /books HTTP/1.1\r\nhost: cinema\r\n\
         connection: close, host, X-Request-Id, traceparent, x-forwarded-for, x-forwarded-host, x-forwarded-proto\r\n\
         connection: content-length, content-type, authorization, idempotency-key, x-staff-token, x-mine\r\n\
         x-request-id: one\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\
         content-type: application/json\r\ncontent-length: 2\r\nauthorization: Bearer 1\r\n\
         idempotency-key: 1\r\nx-staff-token: 1\r\nx-mine: 1\r\n\r\n{}",
    )
    .await;
    let headers = &seen["headers"];
    assert_eq!(headers["host"], value!([book.url.strip_prefix("http://")]));
    assert_eq!(headers["x-forwarded-host"], value!(["cinema"]));
    assert_eq!(headers["x-forwarded-for"], value!(["127.0.0.1"]));
    assert_eq!(headers["x-forwarded-proto"], value!(["http"]));
    assert_eq!(headers["x-request-id"], value!(["one"]));
    for name in
        ["traceparent", "content-type", "content-length", "authorization", "idempotency-key", "x-staff-token"]
    {
        assert_eq!(headers[name].as_array().map(Vec::len), Some(1), "{name}");
    }
    assert_eq!(seen["body"], "{}");
    assert_eq!(headers["x-mine"], Value::Null);
}

#[tokio::test]
async fn request_keeps_one_id_and_one_trace_all_the_way() {
    let (gateway, _book) = start().await;
    let response = gateway.get("/books").send().await.unwrap();
    let ids: Vec<_> = response.headers().get_all("x-request-id").iter().cloned().collect();
    let seen: Value = response.json().await.unwrap();
    assert_eq!(ids.len(), 1);
    assert_eq!(seen["headers"]["x-request-id"], value!([ids[0].to_str().unwrap()]));
    assert_eq!(seen["headers"]["traceparent"][0].as_str().unwrap().len(), 55);
}

#[tokio::test]
async fn id_and_trace_of_a_client_are_continued() {
    let (gateway, _book) = start().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736";
    let request = gateway
        .get("/books")
        .header("x-request-id", "from-the-client")
        .header("traceparent", format!("{trace}-00f067aa0ba902b7-01"));
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "from-the-client");
    let seen: Value = response.json().await.unwrap();
    assert_eq!(seen["headers"]["x-request-id"], value!(["from-the-client"]));
    let forwarded = seen["headers"]["traceparent"][0].as_str().unwrap();
    assert!(forwarded.starts_with(trace), "{forwarded}");
    assert!(!forwarded.contains("00f067aa0ba902b7"), "{forwarded}");
    assert!(forwarded.ends_with("-00"), "the client does not decide whether services record it: {forwarded}");
}

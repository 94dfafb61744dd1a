//! The `Host` of a request, and the host that services receive.

use serde_json::{Value, json as value};

use crate::app::Gateway;
use crate::upstreams::Echo;

async fn start() -> (Gateway, Echo) {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([("--book-url", &book.url)]).await;
    (gateway, book)
}

/// Sends the bytes of `request`, and returns what the service received.
async fn seen(gateway: &Gateway, request: &str) -> Value {
    let answer = gateway.exchange(request).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.0 200 "), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn missing_repeated_or_malformed_host_is_a_400_and_reaches_no_service() {
    let (gateway, book) = start().await;
    for host in [
        "",
        "host: cinema\r\nhost: cinema\r\n",
        "host: cinema\r\nhost: evil\r\n",
        "host:\r\n",
        "host: a b/evil\r\n",
        "host: cinema/evil\r\n",
        "host: s\u{e4}len\r\n",
        "host: user@cinema\r\n",
        "host: cinema:80:90\r\n",
        "host: cinema:99999\r\n",
        "host: cinema:x\r\n",
        "host: [::1\r\n",
        "host: cinema, evil\r\n",
    ] {
        for path in ["/books", "/status", "/livez", "/nothing"] {
            let request = format!("GET {path} HTTP/1.1\r\n{host}connection: close\r\n\r\n");
            let answer = gateway.exchange(&request).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{host:?}: {answer}");
            assert!(answer.contains("/problems/invalid-host"), "{host:?}: {answer}");
            assert!(answer.contains("\r\nx-request-id: "), "{host:?}: {answer}");
        }
    }
    assert_eq!(book.requests(), 0);
}

#[tokio::test]
async fn host_is_forwarded_in_normal_form() {
    let (gateway, book) = start().await;
    for (host, passed_on) in [
        ("cinema.example", "cinema.example"),
        ("cinema.example:8088", "cinema.example:8088"),
        ("cinema.example:", "cinema.example"),
        ("[2001:db8::1]:8088", "[2001:db8::1]:8088"),
    ] {
        let request = format!("GET /books HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let seen = seen(&gateway, &request).await;
        assert_eq!(seen["headers"]["x-forwarded-host"], value!([passed_on]), "{host}");
        assert_eq!(seen["headers"]["host"], value!([book.url.strip_prefix("http://")]));
    }
}

#[tokio::test]
async fn target_in_absolute_form_has_priority_over_host() {
    let (gateway, _book) = start().await;
    let request =
        "GET http://cinema.example:8088/books/1?a=b HTTP/1.1\r\nhost: other\r\nconnection: close\r\n\r\n";
    let seen = seen(&gateway, request).await;
    assert_eq!(seen["headers"]["x-forwarded-host"], value!(["cinema.example:8088"]));
    assert_eq!(seen["target"], "/books/1?a=b");
    for (target, host) in [
        ("http://cinema/books", ""),
        ("http://cinema/books", "host: a b\r\n"),
        ("http://cinema/books", "host: cinema\r\nhost: cinema\r\n"),
        ("http://user@cinema/books", "host: cinema\r\n"),
        ("http://cinema:0/books", "host: cinema\r\n"),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\n{host}connection: close\r\n\r\n");
        let answer = gateway.exchange(&request).await;
        assert!(answer.contains("/problems/invalid-host"), "{target} {host:?}: {answer}");
    }
}

#[tokio::test]
async fn http_1_0_client_may_omit_host() {
    let (gateway, _book) = start().await;
    let seen_without = seen(&gateway, "GET /books HTTP/1.0\r\n\r\n").await;
    let headers = &seen_without["headers"];
    assert_eq!(headers["x-forwarded-host"], Value::Null);
    assert_eq!(headers["x-forwarded-for"], value!(["127.0.0.1"]));
    let seen_with = seen(&gateway, "GET /books HTTP/1.0\r\nhost: cinema\r\n\r\n").await;
    assert_eq!(seen_with["headers"]["x-forwarded-host"], value!(["cinema"]));
    let answer = gateway.exchange("GET /books HTTP/1.0\r\nhost: a b/evil\r\n\r\n").await;
    assert!(answer.contains("/problems/invalid-host"), "{answer}");
}

#[tokio::test]
async fn only_configured_hosts_are_allowed() {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([("--book-url", &book.url), ("--allowed-hosts", "cinema.example")]).await;
    for (host, status) in [("cinema.example:8088", 200), ("localhost", 200), ("evil.example", 421)] {
        let answer = gateway.get("/books").header("host", host).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{host}");
    }
    assert_eq!(book.requests(), 2);
    let probe = gateway.get("/readyz").header("host", "10.0.0.7:8088").send().await.unwrap();
    assert_eq!(probe.status(), 200);
}

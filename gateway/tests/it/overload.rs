//! More requests than the gateway can serve, and clients that are slow on purpose.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use futures_util::future::join_all;
use futures_util::stream;
use reqwest::{Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::app::{Gateway, HANG, problem};
use crate::upstreams::{self, Echo};

/// A fake of book that reports each request, and responds to it when the test adds a permit.
struct Slow {
    url: String,
    arrived: mpsc::UnboundedReceiver<()>,
    answers: Arc<Semaphore>,
}

impl Slow {
    async fn start() -> Self {
        let (arrivals, arrived) = mpsc::unbounded_channel();
        let answers = Arc::new(Semaphore::new(0));
        let permits = answers.clone();
        let answer = move || {
            let (arrivals, permits) = (arrivals.clone(), permits.clone());
            async move {
                arrivals.send(()).unwrap();
                permits.acquire().await.unwrap().forget();
            }
        };
        let url = upstreams::serve(upstreams::listener().await, Router::new().fallback(answer));
        Self { url, arrived, answers }
    }
}

async fn is_overloaded(response: Response) {
    assert_eq!(response.headers()["retry-after"], "1");
    problem(response, StatusCode::SERVICE_UNAVAILABLE, "overloaded").await;
}

/// Waits until the gateway closes the connection, and returns what it sent before.
async fn closed(connection: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // Whether it is closed or reset does not matter.
    let _ = timeout(HANG, connection.read_to_end(&mut answer)).await.expect("the gateway closes");
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn hanging_service_takes_no_place_from_the_others() {
    let mut book = Slow::start().await;
    let gateway = Gateway::start([
        ("--book-url", &book.url),
        ("--max-concurrent-requests", "1"),
        ("--max-queued-requests", "0"),
    ])
    .await;
    let runs = tokio::spawn(gateway.post("/books").body("{}").send());
    book.arrived.recv().await.unwrap();
    // The description of a service comes from the service.
    for path in ["/books", "/screenings/1", "/api-docs/book/openapi.json"] {
        is_overloaded(gateway.get(path).send().await.unwrap()).await;
    }
    for path in ["/tickets", "/points/1", "/api-docs/ticket/openapi.json"] {
        let gone = gateway.get(path).send().await.unwrap();
        problem(gone, StatusCode::SERVICE_UNAVAILABLE, "upstream-unavailable").await;
    }
    problem(gateway.get("/nothing").send().await.unwrap(), StatusCode::NOT_FOUND, "not-found").await;
    // Probes and scrapers are always admitted.
    for path in ["/livez", "/readyz", "/actuator/health", "/metrics"] {
        assert_eq!(gateway.get(path).send().await.unwrap().status(), StatusCode::OK, "{path}");
    }
    book.answers.add_permits(1);
    assert_eq!(runs.await.unwrap().unwrap().status(), StatusCode::OK);
    assert_eq!(gateway.get("/").send().await.unwrap().status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn request_in_the_queue_is_served_when_a_place_is_free() {
    let mut book = Slow::start().await;
    let gateway = Gateway::start([
        ("--book-url", &book.url),
        ("--max-concurrent-requests", "1"),
        ("--max-queued-requests", "9"),
        ("--queue-timeout-ms", "3600000"),
    ])
    .await;
    let requests: Vec<_> = (0..10).map(|_| tokio::spawn(gateway.get("/books").send())).collect();
    for _ in 0..10 {
        book.arrived.recv().await.unwrap();
        assert!(book.arrived.is_empty());
        book.answers.add_permits(1);
    }
    for response in join_all(requests).await {
        assert_eq!(response.unwrap().unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn request_waits_in_the_queue_no_longer_than_its_timeout() {
    let mut book = Slow::start().await;
    let gateway = Gateway::start([
        ("--book-url", &book.url),
        ("--max-concurrent-requests", "1"),
        ("--queue-timeout-ms", "20"),
    ])
    .await;
    let _runs = tokio::spawn(gateway.get("/books").send());
    book.arrived.recv().await.unwrap();
    is_overloaded(gateway.get("/books").send().await.unwrap()).await;
    let metrics = gateway.get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains(r#"http_requests_shed_total{reason="queue_timeout",upstream="book"}"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn event_stream_takes_no_place_from_requests() {
    let events = || async {
        let never = stream::pending::<Result<Bytes, std::io::Error>>();
        ([("content-type", "text/event-stream")], Body::from_stream(never))
    };
    let mypage = upstreams::serve(
        upstreams::listener().await,
        Router::new().route("/mypages/events", get(events)).route("/mypages", get(|| async { "[]" })),
    );
    let gateway = Gateway::start([
        ("--mypage-url", &mypage),
        ("--max-concurrent-requests", "1"),
        ("--max-queued-requests", "0"),
        ("--drain-timeout-ms", "3600000"),
    ])
    .await;
    let streams = join_all((0..3).map(|_| gateway.get("/mypages/events").send())).await;
    // Some of three concurrent requests may be rejected, because there is one place. The admitted ones have
    // left it again.
    assert!(streams.iter().any(|stream| stream.as_ref().unwrap().status() == StatusCode::OK));
    assert_eq!(gateway.get("/mypages").send().await.unwrap().status(), StatusCode::OK);
    gateway.stop.cancel();
    timeout(HANG, gateway.serving).await.expect("open streams do not keep the gateway running").unwrap();
}

#[tokio::test]
async fn client_that_never_ends_its_head_is_disconnected_and_others_are_served() {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([("--book-url", &book.url), ("--header-read-timeout-ms", "50")]).await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut connection = TcpStream::connect(gateway.address).await.unwrap();
        connection.write_all(b"GET /books HTTP/1.1\r\nhost: cinema\r\nx-slow: ").await.unwrap();
        slow.push(connection);
    }
    assert_eq!(gateway.get("/books").send().await.unwrap().status(), StatusCode::OK);
    for connection in &mut slow {
        assert_eq!(closed(connection).await, "");
    }
}

#[tokio::test]
async fn header_timeout_starts_with_the_first_byte() {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([("--book-url", &book.url), ("--header-read-timeout-ms", "50")]).await;
    let mut kept = TcpStream::connect(gateway.address).await.unwrap();
    let mut slow = TcpStream::connect(gateway.address).await.unwrap();
    slow.write_all(b"GET").await.unwrap();
    // The idle connection outlives the slow one, which times out.
    assert_eq!(closed(&mut slow).await, "");
    kept.write_all(b"GET /books HTTP/1.1\r\nhost: cinema\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(closed(&mut kept).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn client_that_never_ends_its_body_gets_408_and_takes_no_place_meanwhile() {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([
        ("--book-url", &book.url),
        ("--max-concurrent-requests", "1"),
        ("--max-queued-requests", "0"),
        ("--body-read-timeout-ms", "300"),
    ])
    .await;
    let mut slow = TcpStream::connect(gateway.address).await.unwrap();
    let head = b"POST /books HTTP/1.1\r\nhost: cinema\r\nconnection: close\r\ncontent-length: 10\r\n\r\n{";
    slow.write_all(head).await.unwrap();
    assert_eq!(gateway.get("/books").send().await.unwrap().status(), StatusCode::OK);
    let answer = closed(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("/problems/body-timeout"), "{answer}");
    assert_eq!(book.requests(), 1);
}

#[tokio::test]
async fn head_with_too_many_bytes_or_headers_is_a_431() {
    let gateway = Gateway::start([]).await;
    for headers in [format!("x: {}\r\n", "x".repeat(32 * 1024)), "x: y\r\n".repeat(200)] {
        let request = format!("GET /books HTTP/1.1\r\nhost: cinema\r\n{headers}\r\n");
        let mut connection = TcpStream::connect(gateway.address).await.unwrap();
        // The gateway may reject it before all of it is sent.
        let _ = connection.write_all(request.as_bytes()).await;
        let mut status = [0; 12];
        timeout(HANG, connection.read_exact(&mut status)).await.expect("an answer").unwrap();
        assert_eq!(String::from_utf8_lossy(&status), "HTTP/1.1 431");
    }
}

#[tokio::test]
async fn new_connection_beyond_the_limit_evicts_the_oldest_idle_one() {
    let mut book = Slow::start().await;
    let gateway = Gateway::start([("--book-url", &book.url), ("--max-connections", "4")]).await;
    let runs = tokio::spawn(gateway.get("/books").send());
    book.arrived.recv().await.unwrap();
    let mut unused = Vec::new();
    for _ in 0..3 {
        unused.push(TcpStream::connect(gateway.address).await.unwrap());
    }
    let answer =
        timeout(HANG, gateway.exchange("GET / HTTP/1.1\r\nhost: cinema\r\nconnection: close\r\n\r\n"));
    assert!(answer.await.expect("room is made").starts_with("HTTP/1.1 303 "));
    assert_eq!(closed(&mut unused[0]).await, "");
    // The connection with a running request is not evicted.
    book.answers.add_permits(1);
    assert_eq!(runs.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn stopping_gateway_turns_unready_before_it_stops_accepting() {
    let gateway = Gateway::start([("--drain-delay-ms", "3600000"), ("--drain-timeout-ms", "0")]).await;
    gateway.stop.cancel();
    let response = gateway.get("/readyz").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.text().await.unwrap().contains("draining"));
    let other = gateway.exchange("GET / HTTP/1.1\r\nhost: cinema\r\nconnection: close\r\n\r\n").await;
    assert!(other.starts_with("HTTP/1.1 303 "), "{other}");
}

#[tokio::test]
async fn client_beyond_the_rate_limit_gets_429_with_retry_after() {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([
        ("--book-url", &book.url),
        ("--rate-limit-per-second", "1"),
        ("--rate-limit-burst", "3"),
    ])
    .await;
    let mut served = 0;
    let limited = loop {
        let response = gateway.get("/books").send().await.unwrap();
        if response.status() != StatusCode::OK {
            break response;
        }
        served += 1;
    };
    assert_eq!(limited.headers()["retry-after"], "1");
    problem(limited, StatusCode::TOO_MANY_REQUESTS, "rate-limited").await;
    assert!(served >= 3 && book.requests() == served, "{served}");
    assert_eq!(gateway.get("/readyz").send().await.unwrap().status(), StatusCode::OK);
}

//! Paths and the services that they lead to.

use futures_util::future::join_all;
use reqwest::StatusCode;

use crate::app::{Gateway, json, problem};
use crate::upstreams::Echo;

struct Fleet {
    gateway: Gateway,
    services: [Echo; 5],
}

async fn fleet() -> Fleet {
    let services = [
        Echo::start("book").await,
        Echo::start("payment").await,
        Echo::start("mypage").await,
        Echo::start("ticket").await,
        Echo::start("point").await,
    ];
    let [book, payment, mypage, ticket, point] = &services;
    let gateway = Gateway::start([
        ("--book-url", &book.url),
        ("--payment-url", &payment.url),
        ("--mypage-url", &mypage.url),
        ("--ticket-url", &ticket.url),
        ("--point-url", &point.url),
    ])
    .await;
    Fleet { gateway, services }
}

impl Fleet {
    fn requests(&self) -> usize {
        self.services.iter().map(Echo::requests).sum()
    }
}

#[tokio::test]
async fn each_prefix_leads_to_its_service_with_or_without_further_segments() {
    let Fleet { gateway, .. } = fleet().await;
    for (prefix, service) in [
        ("/books", "book"),
        ("/screenings", "book"),
        ("/payments", "payment"),
        ("/mypages", "mypage"),
        ("/tickets", "ticket"),
        ("/points", "point"),
    ] {
        for path in [
            prefix.to_owned(),
            format!("{prefix}/"),
            format!("{prefix}/1"),
            format!("{prefix}/search/findByBookingId?bookingId=1"),
        ] {
            let seen = json(gateway.get(&path)).await;
            assert_eq!(seen["upstream"], service, "{path}");
            assert_eq!(seen["target"], path);
        }
    }
}

#[tokio::test]
async fn every_method_and_the_body_are_forwarded() {
    let Fleet { gateway, .. } = fleet().await;
    let seen = json(gateway.post("/books").body(r#"{"qty":"2"}"#)).await;
    assert_eq!(seen["method"], "POST");
    assert_eq!(seen["body"], r#"{"qty":"2"}"#);
    for method in ["PATCH", "DELETE", "PUT", "PURGE"] {
        let request = format!("{method} /tickets/1 HTTP/1.1\r\nhost: cinema\r\nconnection: close\r\n\r\n");
        let answer = gateway.exchange(&request).await;
        assert!(answer.contains(&format!(r#""method":"{method}""#)), "{answer}");
    }
}

#[tokio::test]
async fn payments_and_points_are_read_only() {
    let Fleet { gateway, .. } = fleet().await;
    for path in ["/payments", "/payments/1", "/points", "/points/"] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "PURGE"] {
            let request = format!("{method} {path} HTTP/1.1\r\nhost: cinema\r\nconnection: close\r\n\r\n");
            let answer = gateway.exchange(&request).await;
            assert!(answer.starts_with("HTTP/1.1 405 "), "{method} {path}: {answer}");
            assert!(answer.contains("\r\nallow: GET, HEAD\r\n"), "{answer}");
            assert!(answer.contains("/problems/method-not-allowed"), "{answer}");
        }
    }
}

#[tokio::test]
async fn path_and_query_are_forwarded_unchanged() {
    let Fleet { gateway, .. } = fleet().await;
    for target in [
        "/books/a%2Fb%20c?movieName=%EA%B8%B0%EC%83%9D+%26%3D",
        "/books/../payments",
        "/books/%2e%2e/x",
        "/books//1",
        "/books?",
        "/books/1?a=1&a=2&&b",
        "/books/1?x=?/{}|^",
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nhost: cinema\r\nconnection: close\r\n\r\n");
        let answer = gateway.exchange(&request).await;
        assert!(answer.contains(&format!(r#""target":"{target}""#)), "{target}: {answer}");
        assert!(answer.contains(r#""upstream":"book""#), "{target}");
    }
}

#[tokio::test]
async fn unknown_path_is_a_404_and_reaches_no_service() {
    let fleet = fleet().await;
    for path in
        ["/cancellations", "/booksx", "/book", "/Books", "/api-docs/other/openapi.json", "/docs/nothing.js"]
    {
        let response = fleet.gateway.get(path).send().await.unwrap();
        let body = problem(response, StatusCode::NOT_FOUND, "not-found").await;
        assert_eq!(body["instance"], path);
    }
    assert_eq!(fleet.requests(), 0);
}

#[tokio::test]
async fn wrong_method_is_a_405() {
    let fleet = fleet().await;
    for path in ["/status", "/livez", "/docs/", "/api-docs/openapi.json", "/api-docs/book/openapi.json"] {
        let response = fleet.gateway.post(path).send().await.unwrap();
        assert_eq!(response.headers()["allow"], "GET,HEAD", "{path}");
        problem(response, StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed").await;
    }
    assert_eq!(fleet.requests(), 0);
}

#[tokio::test]
async fn connect_is_rejected_with_a_problem() {
    let fleet = fleet().await;
    for (target, status) in [("/books", "405"), ("book:8080", "404")] {
        let request = format!("CONNECT {target} HTTP/1.1\r\nhost: cinema\r\nconnection: close\r\n\r\n");
        let answer = fleet.gateway.exchange(&request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
    assert_eq!(fleet.requests(), 0);
}

#[tokio::test]
async fn root_redirects_to_the_documentation() {
    let Fleet { gateway, .. } = fleet().await;
    let response = gateway.get("/").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()["location"], "/docs");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_256_concurrent_clients_are_served_repeatedly() {
    let Fleet { gateway, services } = fleet().await;
    for _ in 0..4 {
        let bookings = (0..256).map(|_| gateway.post("/books").body("{}").send());
        for response in join_all(bookings).await {
            let response = response.unwrap();
            let status = response.status();
            assert_eq!(status, StatusCode::OK, "{}", response.text().await.unwrap());
        }
    }
    assert_eq!(services[0].requests(), 1024);
}

//! What services learn about a client behind proxies, and which proxies the gateway trusts.

use axum::Router;
use axum::routing::get;
use clap::Parser;
use http_api::hal::BaseUrl;
use http_server::Server;
use http_server::api;
use http_server::health::Health;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json as value};
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;

use crate::app::{Gateway, json, problem};
use crate::upstreams::{self, Echo};

/// Headers that describe a client.
const ALL: [&str; 8] = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-prefix",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-real-ip",
    "forwarded",
];

async fn start<const N: usize>(args: [(&str, &str); N]) -> (Gateway, Echo) {
    let book = Echo::start("book").await;
    let gateway = Gateway::start_with(&[&[("--book-url", book.url.as_str())][..], &args].concat()).await;
    (gateway, book)
}

/// Sends `request`, and returns those headers of [`ALL`] that book received.
async fn seen(request: RequestBuilder) -> Value {
    let seen = json(request.header("host", "cinema")).await;
    ALL.into_iter()
        .filter(|name| !seen["headers"][name].is_null())
        .map(|name| (name, seen["headers"][name].clone()))
        .collect()
}

fn with(request: RequestBuilder, headers: &[(&str, &str)]) -> RequestBuilder {
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

const CLAIMS: [(&str, &str); 7] = [
    ("x-forwarded-for", "203.0.113.7"),
    ("x-forwarded-host", "movies.example"),
    ("x-forwarded-proto", "HTTPS"),
    ("x-forwarded-port", "8443"),
    ("x-forwarded-prefix", "/movies/"),
    ("x-real-ip", "203.0.113.7"),
    ("forwarded", "for=203.0.113.9;host=other.example;proto=http"),
];

#[tokio::test]
async fn forwarded_headers_of_an_untrusted_peer_are_ignored() {
    for args in [&[][..], &[("--trusted-proxies", "10.0.0.0/8,::1")]] {
        let book = Echo::start("book").await;
        let gateway = Gateway::start_with(&[&[("--book-url", book.url.as_str())][..], args].concat()).await;
        assert_eq!(
            seen(with(gateway.get("/books"), &CLAIMS)).await,
            value!({
                "x-forwarded-for": ["127.0.0.1"],
                "x-forwarded-host": ["cinema"],
                "x-forwarded-proto": ["http"],
            })
        );
    }
}

#[tokio::test]
async fn report_of_a_trusted_proxy_is_forwarded_in_normal_form() {
    let (gateway, _book) = start([("--trusted-proxies", "127.0.0.0/8")]).await;
    assert_eq!(
        seen(with(gateway.get("/books"), &CLAIMS)).await,
        value!({
            "x-forwarded-for": ["203.0.113.7"],
            "x-forwarded-host": ["movies.example:8443"],
            "x-forwarded-proto": ["https"],
            "x-forwarded-prefix": ["/movies"],
        })
    );
}

#[tokio::test]
async fn client_is_the_rightmost_untrusted_address_of_the_chain() {
    let (gateway, _book) = start([("--trusted-proxies", "127.0.0.1, 10.0.0.0/8")]).await;
    let chain = [("x-forwarded-for", "192.0.2.66"), ("x-forwarded-for", "203.0.113.7, 10.0.0.2")];
    assert_eq!(seen(with(gateway.get("/books"), &chain)).await["x-forwarded-for"], value!(["203.0.113.7"]));
}

#[tokio::test]
async fn forwarded_header_of_a_trusted_proxy_is_read() {
    let (gateway, _book) = start([("--trusted-proxies", "127.0.0.1")]).await;
    let line = r#"for=192.0.2.66;host=evil, For="[2001:db8::7]:4711";Host="movies.example:8443";PROTO=HTTPS"#;
    assert_eq!(
        seen(with(gateway.get("/books"), &[("forwarded", line)])).await,
        value!({
            "x-forwarded-for": ["2001:db8::7"],
            "x-forwarded-host": ["movies.example:8443"],
            "x-forwarded-proto": ["https"],
        })
    );
}

#[tokio::test]
async fn malformed_values_of_a_trusted_proxy_are_ignored() {
    let (gateway, _book) = start([("--trusted-proxies", "127.0.0.1")]).await;
    let malformed: [&[(&str, &str)]; 3] = [
        &[
            ("x-forwarded-for", "nobody"),
            ("x-forwarded-host", "a b/evil"),
            ("x-forwarded-proto", "gopher"),
            ("x-forwarded-port", "-1"),
            ("x-forwarded-prefix", "//evil.example"),
        ],
        &[("forwarded", r#"for="127.0.0.9"#)],
        &[("forwarded", "for=unknown;host=;proto=x"), ("forwarded", "for=_hidden")],
    ];
    for headers in malformed {
        assert_eq!(
            seen(with(gateway.get("/books"), headers)).await,
            value!({
                "x-forwarded-for": ["127.0.0.1"],
                "x-forwarded-host": ["cinema"],
                "x-forwarded-proto": ["http"],
            }),
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn public_url_has_priority() {
    let args = [("--public-url", "https://cinema.example/tickets/"), ("--trusted-proxies", "127.0.0.1")];
    let (gateway, _book) = start(args).await;
    for headers in [&[][..], &CLAIMS] {
        let seen = seen(with(gateway.get("/books"), headers)).await;
        assert_eq!(seen["x-forwarded-host"], value!(["cinema.example"]));
        assert_eq!(seen["x-forwarded-proto"], value!(["https"]));
        assert_eq!(seen["x-forwarded-prefix"], value!(["/tickets"]));
    }
    // A malformed `Host` is rejected all the same.
    let answer = gateway.exchange("GET /books HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n").await;
    assert!(answer.contains("/problems/invalid-host"), "{answer}");
}

#[tokio::test]
async fn redirect_has_the_clients_path_prefix() {
    let (gateway, _book) = start([("--public-url", "https://cinema.example/tickets")]).await;
    for (path, location) in [("/", "/tickets/docs"), ("/docs", "/tickets/docs/")] {
        let answer = gateway.get(path).send().await.unwrap();
        assert_eq!(
            (answer.status(), &answer.headers()["location"]),
            (StatusCode::SEE_OTHER, &location.parse().unwrap())
        );
    }
}

/// Starts a service built like those of the fleet, which responds with a link to itself.
async fn linking() -> (String, CancellationToken) {
    let routes =
        Router::new().route("/books", get(|base: BaseUrl| async move { base.link("/books/1").href }));
    let routes = api::wrap(routes, OpenApi::default(), Health::always(), http_server::request_span!());
    let config = Service::parse_from(["service", "--trusted-proxies", "127.0.0.1"]);
    let (listener, stop) = (upstreams::listener().await, CancellationToken::new());
    let (url, stopped) = (upstreams::url(&listener), stop.clone());
    tokio::spawn(async move {
        http_server::serve(listener, routes, Health::always(), &config.server, stopped).await;
    });
    (url, stop)
}

#[derive(Parser)]
struct Service {
    #[command(flatten)]
    server: Server,
}

#[tokio::test]
async fn links_never_contain_an_internal_address() {
    let (book, stop) = linking().await;
    let gateway = Gateway::start([("--book-url", &book)]).await;
    for (request, link) in [
        (
            "GET /books HTTP/1.1\r\nhost: cinema:8088\r\nconnection: close\r\n\r\n",
            "http://cinema:8088/books/1",
        ),
        ("GET /books HTTP/1.1\r\nhost: cinema\r\nconnection: close, host\r\n\r\n", "http://cinema/books/1"),
        (
            "GET /books HTTP/1.1\r\nhost: cinema\r\nconnection: close, x-forwarded-host, x-forwarded-for\r\n\r\n",
            "http://cinema/books/1",
        ),
        ("GET /books HTTP/1.0\r\n\r\n", "/books/1"),
        ("GET /books HTTP/1.0\r\nx-forwarded-host: evil\r\nx-forwarded-proto: https\r\n\r\n", "/books/1"),
        (
            "GET http://cinema/books HTTP/1.1\r\nhost: other\r\nconnection: close\r\n\r\n",
            "http://cinema/books/1",
        ),
    ] {
        let answer = gateway.exchange(request).await;
        assert!(answer.ends_with(&format!("\r\n\r\n{link}")), "{request}: {answer}");
    }
    let gateway =
        Gateway::start([("--book-url", &book), ("--public-url", "https://cinema.example/tickets")]).await;
    let answer = gateway.exchange("GET /books HTTP/1.0\r\n\r\n").await;
    assert!(answer.ends_with("\r\n\r\nhttps://cinema.example/tickets/books/1"), "{answer}");
    stop.cancel();
}

#[tokio::test]
async fn rate_limit_counts_the_client_behind_a_trusted_proxy() {
    let args =
        [("--trusted-proxies", "127.0.0.1"), ("--rate-limit-per-second", "1"), ("--rate-limit-burst", "2")];
    let (gateway, book) = start(args).await;
    // The client itself claims the addresses to its left, so another claim is not another client.
    let by_client = async |claim: usize, client: &str| {
        let chain = format!("192.0.2.{claim}, {client}");
        gateway.get("/books").header("x-forwarded-for", chain).send().await.unwrap()
    };
    let mut claim = 0;
    let limited = loop {
        claim += 1;
        let answer = by_client(claim, "203.0.113.7").await;
        if answer.status() != StatusCode::OK {
            break answer;
        }
    };
    problem(limited, StatusCode::TOO_MANY_REQUESTS, "rate-limited").await;
    assert!(claim > 2, "{claim}");
    assert_eq!(by_client(1, "203.0.113.8").await.status(), StatusCode::OK);
    assert_eq!(book.requests(), claim);
}

#[tokio::test]
async fn rate_limit_counts_preflights_and_scrapes_but_not_probes() {
    let args = [("--rate-limit-per-second", "1"), ("--rate-limit-burst", "1")];
    for is_preflight in [true, false] {
        let (gateway, _book) = start(args).await;
        let request = || match is_preflight {
            true => gateway
                .options("/books")
                .header("origin", "https://cinema.example")
                .header("access-control-request-method", "POST"),
            false => gateway.get("/metrics"),
        };
        let mut served = 0;
        let limited = loop {
            let answer = request().send().await.unwrap();
            if answer.status() != StatusCode::OK {
                break answer;
            }
            served += 1;
        };
        assert!(served > 0);
        assert_eq!(limited.headers().contains_key("access-control-allow-origin"), is_preflight);
        problem(limited, StatusCode::TOO_MANY_REQUESTS, "rate-limited").await;
        for path in ["/livez", "/readyz", "/actuator/health"] {
            for _ in 0..5 {
                assert_eq!(gateway.get(path).send().await.unwrap().status(), StatusCode::OK, "{path}");
            }
        }
    }
}

//! Probes, metrics, and `/status`.

use clap::Parser;
use gateway::Config;
use gateway::loops::Loops;
use http_server::Listeners;
use reqwest::StatusCode;
use serde_json::json as value;
use tokio_util::sync::CancellationToken;

use crate::app::{Gateway, json, problem};
use crate::upstreams::{self, Echo, answering, silent, unreachable};

#[tokio::test]
async fn gateway_is_ready_even_if_no_service_is() {
    let gateway = Gateway::start([]).await;
    for path in ["/livez", "/readyz", "/actuator/health"] {
        let response = gateway.get(path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let body: serde_json::Value = response.json().await.unwrap();
        assert_eq!(body["status"], "UP", "{path}");
    }
}

#[tokio::test]
async fn metrics_are_only_on_the_admin_port() {
    let (main, admin) = (upstreams::listener().await, upstreams::listener().await);
    let (url, admin_url) = (upstreams::url(&main), upstreams::url(&admin));
    let config = Config::try_parse_from(["gateway"]).unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn({
        let stop = stop.clone();
        let listeners = Listeners::new(main, Some(admin));
        async move { gateway::serve(listeners, Loops::start().unwrap(), &config, stop).await }
    });
    for path in ["/livez", "/readyz", "/actuator/health"] {
        for url in [&url, &admin_url] {
            assert_eq!(
                reqwest::get(format!("{url}{path}")).await.unwrap().status(),
                StatusCode::OK,
                "{path}"
            );
        }
    }
    assert_eq!(reqwest::get(format!("{admin_url}/metrics")).await.unwrap().status(), StatusCode::OK);
    let elsewhere = reqwest::get(format!("{url}/metrics")).await.unwrap();
    problem(elsewhere, StatusCode::NOT_FOUND, "not-found").await;
    assert_eq!(reqwest::get(format!("{admin_url}/books")).await.unwrap().status(), StatusCode::NOT_FOUND);
    stop.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn metrics_are_labeled_by_route_and_not_by_path() {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([("--book-url", &book.url)]).await;
    // The first scrape installs the recorder, if no process did.
    gateway.get("/metrics").send().await.unwrap();
    gateway.get("/books/the-4711th").send().await.unwrap();
    let metrics = gateway.get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains(r#"route="/books/{*rest}""#), "{metrics}");
    assert!(!metrics.contains("4711th"), "{metrics}");
}

#[tokio::test]
async fn status_shows_staff_each_replica_or_why_it_does_not_respond() {
    let components = value!({"db": {"status": "UP"}, "payment": {"status": "DOWN", "breaker": "open"}});
    let book =
        answering(StatusCode::OK, value!({"status": "UP", "version": "1.2.3", "components": components}))
            .await;
    let reason = value!({"status": "DOWN", "version": "1.2.3", "reason": "draining"});
    let payment = answering(StatusCode::SERVICE_UNAVAILABLE, reason).await;
    let mypage = unreachable();
    let ticket = answering(StatusCode::OK, value!("somebody else")).await;
    let point = silent().await;
    let gateway = Gateway::start([
        ("--book-url", &book),
        ("--payment-url", &payment),
        ("--mypage-url", &mypage.url),
        ("--ticket-url", &ticket),
        ("--point-url", &point),
    ])
    .await;
    let mut status = json(gateway.as_staff("/status")).await;
    let refused = status["upstreams"][2]["replicas"][0]["reason"].take();
    assert!(refused.as_str().unwrap().contains("refused"), "{refused}");
    let down = |url: &str, reason: Option<&str>| value!([{"url": url, "status": "DOWN", "ejected": false, "reason": reason}]);
    assert_eq!(
        status,
        value!({"upstreams": [
            {"name": "book", "status": "UP", "replicas": [
                {"url": book, "status": "UP", "ejected": false, "version": "1.2.3", "components": components},
            ]},
            {"name": "payment", "status": "DOWN", "replicas": [
                {"url": payment, "status": "DOWN", "ejected": false, "version": "1.2.3", "reason": "draining"},
            ]},
            {"name": "mypage", "status": "DOWN", "replicas": down(&mypage.url, None)},
            {"name": "ticket", "status": "DOWN",
             "replicas": down(&ticket, Some("unexpected response 200 at /readyz"))},
            {"name": "point", "status": "DOWN", "replicas": down(&point, Some("no response in 1 s"))},
        ]})
    );
}

//! Security headers on the gateway's own responses.

use reqwest::{Response, StatusCode};

use crate::app::{Gateway, STAFF_TOKEN};
use crate::upstreams::Echo;

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_response_of_the_gateways_own_has_the_security_headers() {
    let gateway = Gateway::start([("--rate-limit-per-second", "1000")]).await;
    let preflight = gateway
        .options("/books")
        .header("origin", "https://cinema.example")
        .header("access-control-request-method", "POST");
    let too_large = gateway.post("/books").body(vec![b' '; 2 * 1024 * 1024]);
    for (request, status) in [
        (gateway.get("/"), StatusCode::SEE_OTHER),
        (gateway.get("/docs"), StatusCode::SEE_OTHER),
        (gateway.get("/docs/"), StatusCode::OK),
        (gateway.get("/docs/swagger-ui-bundle.js"), StatusCode::OK),
        (gateway.get("/docs/nothing.js"), StatusCode::NOT_FOUND),
        (gateway.get("/api-docs/openapi.json"), StatusCode::OK),
        (gateway.get("/api"), StatusCode::OK),
        (gateway.get("/problems"), StatusCode::OK),
        (gateway.get("/problems").header("accept", "text/html"), StatusCode::OK),
        (gateway.get("/problems/seat-taken").header("accept", "text/html"), StatusCode::OK),
        (gateway.get("/problems/style.css"), StatusCode::OK),
        (gateway.get("/problems/nothing"), StatusCode::NOT_FOUND),
        (gateway.get("/status"), StatusCode::OK),
        (gateway.get("/audit"), StatusCode::FORBIDDEN),
        (gateway.get("/livez"), StatusCode::OK),
        (gateway.get("/metrics"), StatusCode::OK),
        (gateway.get("/nothing"), StatusCode::NOT_FOUND),
        (gateway.post("/status"), StatusCode::METHOD_NOT_ALLOWED),
        (gateway.get("/books"), StatusCode::SERVICE_UNAVAILABLE),
        (too_large, StatusCode::PAYLOAD_TOO_LARGE),
        (preflight, StatusCode::OK),
    ] {
        let answer = request.send().await.unwrap();
        let path = answer.url().path().to_owned();
        assert_eq!(answer.status(), status, "{path}");
        let policy = if path.starts_with("/docs") {
            "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"
        } else {
            "default-src 'self'; frame-ancestors 'none'"
        };
        assert_eq!(header(&answer, "content-security-policy"), policy, "{path}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&answer, "referrer-policy"), "no-referrer", "{path}");
    }
    let refused = gateway.exchange("GET / HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    assert!(refused.contains("\r\nx-content-type-options: nosniff\r\n"), "{refused}");
}

#[tokio::test]
async fn response_of_a_service_gets_no_security_headers() {
    let book = Echo::start("book").await;
    let gateway = Gateway::start([("--book-url", &book.url)]).await;
    let answer = gateway.get("/books").send().await.unwrap();
    for name in ["content-security-policy", "x-content-type-options", "referrer-policy", "cache-control"] {
        assert_eq!(header(&answer, name), "", "{name}");
    }
}

#[tokio::test]
async fn status_and_audit_are_never_stored() {
    let gateway = Gateway::start([]).await;
    for request in [
        gateway.get("/status"),
        gateway.as_staff("/status"),
        gateway.get("/audit"),
        gateway.as_staff("/audit"),
    ] {
        assert_eq!(header(&request.send().await.unwrap(), "cache-control"), "no-store");
    }
    let wrong =
        gateway.get("/status").header("x-staff-token", format!("{STAFF_TOKEN}x")).send().await.unwrap();
    assert_eq!((wrong.status(), header(&wrong, "cache-control")), (StatusCode::FORBIDDEN, "no-store"));
}

/// The policy forbids inline scripts and styles, and content from other origins.
#[tokio::test]
async fn swagger_ui_works_under_the_policy() {
    let gateway = Gateway::start([]).await;
    let page = gateway.get("/docs/").send().await.unwrap().text().await.unwrap().to_lowercase();
    assert_eq!(page.matches("<script").count(), page.matches("<script src=\"./").count(), "{page}");
    for forbidden in [
        "<style",
        " style=",
        "javascript:",
        " onload",
        " onerror",
        " onclick",
        "http:",
        "https:",
        "<base",
        "<iframe",
    ] {
        assert!(!page.contains(forbidden), "{forbidden} in {page}");
    }
    // The icons are inline in the style sheet.
    let styles = gateway.get("/docs/swagger-ui.css").send().await.unwrap().text().await.unwrap();
    for target in styles.split("url(").skip(1) {
        let target = target.trim_start_matches(['"', '\'']);
        assert!(
            target.starts_with("data:image/") || target.starts_with('#'),
            "{}",
            &target[..target.len().min(60)]
        );
    }
    assert!(!styles.contains("@import"));
}

//! A process on a loopback address serves only this machine.

use crate::process::{Process, Wire, post_of};

async fn status(process: &Process, request: &str) -> String {
    let mut wire = Wire::to(process.address).await;
    wire.send(request).await;
    wire.status().await
}

fn post(host: &str, headers: &str) -> String {
    post_of("/items", headers, "{}").replace("host: cinema", &format!("host: {host}"))
}

#[tokio::test]
async fn page_whose_name_resolves_to_this_machine_reaches_nothing() {
    let process = Process::start(&["--host", "127.0.0.1"]).await;
    for host in ["evil.example:8082", "evil.example", "127.0.0.1.nip.io"] {
        let mut wire = Wire::to(process.address).await;
        wire.send(post(host, "")).await;
        let (head, body) = wire.answer().await;
        assert!(head.starts_with("http/1.1 421 "), "{head}");
        assert!(body.contains("/problems/misdirected-request") && body.contains(host), "{body}");
        for path in ["/metrics", "/api-docs/openapi.json", "/nothing"] {
            let get = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
            assert_eq!(status(&process, &get).await, "421", "{path}");
        }
    }
    // A probe may name any address.
    for path in ["/livez", "/readyz", "/actuator/health"] {
        let get = format!("GET {path} HTTP/1.1\r\nhost: 10.0.0.7:8080\r\n\r\n");
        assert_eq!(status(&process, &get).await, "200", "{path}");
    }
    let absolute = "GET http://evil.example/metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
    assert_eq!(status(&process, absolute).await, "421");
    assert_eq!(process.posted(), 0);
    for host in ["localhost:8082", "127.0.0.1", "[::1]:8082"] {
        assert_eq!(status(&process, &post(host, "")).await, "200", "{host}");
    }
    assert_eq!(process.posted(), 3);
}

#[tokio::test]
async fn page_of_another_site_cannot_change_anything() {
    let process = Process::start(&["--host", "127.0.0.1"]).await;
    for origin in ["http://evil.example", "null"] {
        let request = post("127.0.0.1", &format!("origin: {origin}\r\n"));
        assert_eq!(status(&process, &request).await, "403", "{origin}");
    }
    assert_eq!(process.posted(), 0);
    for headers in [
        "origin: http://localhost:3000\r\n",
        "origin: http://evil.example\r\nx-forwarded-for: 203.0.113.7\r\n",
    ] {
        assert_eq!(status(&process, &post("127.0.0.1", headers)).await, "200", "{headers}");
    }
}

#[tokio::test]
async fn only_configured_hosts_are_checked() {
    let elsewhere = Process::start(&["--host", "0.0.0.0"]).await;
    assert_eq!(status(&elsewhere, &post("book:8080", "origin: http://evil.example\r\n")).await, "200");
    for host in ["127.0.0.1", "0.0.0.0"] {
        let process = Process::start(&["--host", host, "--allowed-hosts", "cinema.example"]).await;
        assert_eq!(status(&process, &post("cinema.example:8080", "")).await, "200", "{host}");
        assert_eq!(status(&process, &post("evil.example", "")).await, "421", "{host}");
    }
    let open = Process::start(&["--host", "127.0.0.1", "--allowed-hosts", "*"]).await;
    assert_eq!(status(&open, &post("evil.example", "")).await, "200");
}

//! The admin port.

use crate::process::{Process, Wire};

#[tokio::test]
async fn admin_port_answers_while_every_place_and_connection_is_taken() {
    let mut process = Process::with_admin_port(&[
        "--max-connections",
        "2",
        "--max-concurrent-requests",
        "1",
        "--max-queued-requests",
        "1",
        "--queue-timeout-ms",
        "3600000",
    ])
    .await;
    let _runs = process.work().await;
    let mut waits = process.connect().await;
    waits.send("GET /same HTTP/1.1\r\nhost: cinema\r\n\r\n").await;
    let mut admin = Wire::to(process.admin.unwrap()).await;
    for path in ["/livez", "/readyz", "/actuator/health"] {
        let (head, body) = admin.get(path).await;
        assert!(head.starts_with("http/1.1 200") && body.contains("UP"), "{path}: {head}{body}");
    }
    assert!(admin.get("/metrics").await.1.contains("http_connections_open"));
    for path in ["/items", "/", "/api-docs/openapi.json"] {
        assert!(admin.get(path).await.0.starts_with("http/1.1 404"), "{path}");
    }
    process.may_end.add_permits(1);
    assert_eq!(waits.status().await, "304");
}

#[tokio::test]
async fn metrics_are_on_the_admin_port_only_and_probes_on_both() {
    let process = Process::with_admin_port(&[]).await;
    let mut wire = process.connect().await;
    assert!(wire.get("/metrics").await.0.starts_with("http/1.1 404"));
    for path in ["/livez", "/readyz", "/actuator/health"] {
        assert!(wire.get(path).await.0.starts_with("http/1.1 200"), "{path}");
    }
    let without = Process::start(&[]).await;
    assert!(without.connect().await.get("/metrics").await.0.starts_with("http/1.1 200"));
}

#[tokio::test]
async fn admin_port_is_served_until_the_last_request_has_ended() {
    let mut process = Process::with_admin_port(&["--drain-timeout-ms", "3600000"]).await;
    let mut runs = process.work().await;
    process.stop.cancel();
    while tokio::net::TcpStream::connect(process.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let (head, body) = Wire::to(process.admin.unwrap()).await.get("/readyz").await;
    assert!(head.starts_with("http/1.1 503") && body.contains("draining"), "{head}{body}");
    process.may_end.add_permits(1);
    assert_eq!(runs.status().await, "200");
    process.serving.await.unwrap();
    assert!(tokio::net::TcpStream::connect(process.admin.unwrap()).await.is_err());
}

//! Connections of slow clients, and large heads.

use crate::process::Process;

#[tokio::test]
async fn slow_heads_on_all_connections_do_not_keep_a_new_client_out() {
    let process = Process::start(&["--max-connections", "8", "--header-read-timeout-ms", "3600000"]).await;
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut wire = process.connect().await;
        wire.send("GET /livez HTTP/1.1\r\nx-slow: ").await;
        slow.push(wire);
    }
    let (head, _) = process.connect().await.get("/livez").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(slow[0].rest().await, "", "the oldest one has made room");
}

#[tokio::test]
async fn connection_with_a_running_request_is_never_evicted() {
    let mut process = Process::start(&["--max-connections", "2"]).await;
    let mut runs = process.work().await;
    for _ in 0..3 {
        // Each waits until the one before it has been unused for long enough.
        assert!(process.connect().await.get("/livez").await.0.starts_with("http/1.1 200"));
    }
    process.may_end.add_permits(1);
    assert_eq!(runs.status().await, "200");
}

#[tokio::test]
async fn service_accepts_every_head_that_the_gateway_forwards() {
    let process = Process::start(&[]).await;
    let mut wire = process.connect().await;
    // More headers than hyper accepts by default, and one and a half times the largest head of the gateway.
    let value = "x".repeat(24 * 1024 / 120);
    let headers: String = (0..120).map(|at| format!("x-{at}: {value}\r\n")).collect();
    wire.send(format!("GET /livez HTTP/1.1\r\nhost: cinema\r\n{headers}\r\n")).await;
    assert_eq!(wire.status().await, "200");
}

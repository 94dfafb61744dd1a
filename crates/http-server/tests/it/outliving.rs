//! Work that outlives its client, or its deadline.

use tokio::time::timeout;

use crate::process::{HANG, Process};

const ONE_PLACE: [&str; 4] = ["--max-concurrent-requests", "1", "--max-queued-requests", "0"];

/// Sends requests until the process responds with `status`.
async fn until(process: &Process, status: &str) {
    let asking = async {
        loop {
            let mut wire = process.connect().await;
            wire.send("GET /same HTTP/1.1\r\nhost: cinema\r\n\r\n").await;
            if wire.status().await == status {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(HANG, asking).await.expect("the status changes");
}

async fn status(process: &Process) -> String {
    let mut wire = process.connect().await;
    wire.send("GET /same HTTP/1.1\r\nhost: cinema\r\n\r\n").await;
    wire.status().await
}

#[tokio::test]
async fn work_of_a_client_that_hung_up_keeps_its_place_until_it_ends() {
    let mut process = Process::start(&ONE_PLACE).await;
    let wire = process.work().await;
    assert_eq!(status(&process).await, "503");
    drop(wire);
    timeout(HANG, process.left.recv()).await.expect("the handler is dropped").unwrap();
    assert_eq!(status(&process).await, "503");
    process.may_end.add_permits(1);
    until(&process, "304").await;
}

#[tokio::test]
async fn work_beyond_its_deadline_keeps_its_place_until_it_ends() {
    let mut process = Process::start(&ONE_PLACE).await;
    let mut wire = process.connect().await;
    let request =
        "POST /work HTTP/1.1\r\nhost: cinema\r\nx-request-timeout-ms: 50\r\ncontent-length: 0\r\n\r\n";
    // A request whose deadline passes in the queue begins no work.
    while process.begun.try_recv().is_err() {
        wire.send(request).await;
        let status = wire.status().await;
        assert!(status == "504" || status == "503", "{status}");
    }
    assert_eq!(status(&process).await, "503");
    process.may_end.add_permits(1);
    until(&process, "304").await;
}

#[tokio::test]
async fn stop_waits_for_work_of_a_client_that_hung_up() {
    let mut process = Process::start(&["--drain-timeout-ms", "3600000"]).await;
    drop(process.work().await);
    timeout(HANG, process.left.recv()).await.expect("the handler is dropped").unwrap();
    process.stop.cancel();
    // The listener closes when the process has begun to stop.
    while tokio::net::TcpStream::connect(process.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!process.serving.is_finished());
    process.may_end.add_permits(1);
    timeout(HANG, process.serving).await.expect("it stops").unwrap();
}

#[tokio::test]
async fn stop_waits_no_longer_than_the_drain_timeout() {
    let mut process = Process::start(&["--drain-timeout-ms", "20"]).await;
    drop(process.work().await);
    process.stop.cancel();
    timeout(HANG, process.serving).await.expect("it stops").unwrap();
}

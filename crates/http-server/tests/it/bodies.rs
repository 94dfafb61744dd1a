//! Bodies that are designed to use up the memory of a process.

use std::fmt::Write;

use crate::process::{Process, Wire, post_of};

async fn posts_an_item(process: &Process) {
    let mut wire = process.connect().await;
    wire.send(post_of("/items", "", "{}")).await;
    assert_eq!(wire.status().await, "200");
}

#[tokio::test]
async fn body_of_tiny_chunks_does_not_stop_other_requests() {
    let process = Process::start(&[]).await;
    let mut wire = process.connect().await;
    let head = "POST /large HTTP/1.1\r\nhost: cinema\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut chunks = String::from(head);
    for _ in 0..65_536 {
        chunks.write_str("1\r\n \r\n").unwrap();
    }
    wire.send(chunks).await;
    posts_an_item(&process).await;
    // Its end arrives, and it is read as JSON.
    wire.send("2\r\n{}\r\n0\r\n\r\n").await;
    assert_eq!(wire.status().await, "200");
}

#[tokio::test]
async fn stalled_clients_of_the_largest_body_do_not_stop_other_requests() {
    let process = Process::start(&[]).await;
    let request = post_of("/large", "", &" ".repeat(256 * 1024));
    let mut stalled: Vec<Wire> = Vec::new();
    for _ in 0..300 {
        let mut wire = process.connect().await;
        wire.send(&request[..request.len() - 1]).await;
        stalled.push(wire);
    }
    posts_an_item(&process).await;
}

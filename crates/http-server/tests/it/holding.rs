//! Requests that wait while a backup is taken.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use http_server::hold::{HELD, HOLD};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::process::{HANG, Process, Wire, post_of};

/// A process with a control socket in `directory`.
async fn start(directory: &TempDir) -> Process {
    let socket = directory.path().join("book.sock");
    let process = Process::start(&["--control-socket", socket.to_str().unwrap()]).await;
    // The process serves, so its socket exists.
    assert_eq!(process.connect().await.get("/livez").await.0[9..12], *"200");
    process
}

async fn hold(directory: &TempDir) -> UnixStream {
    let mut control = UnixStream::connect(directory.path().join("book.sock")).await.unwrap();
    control.write_all(HOLD.as_bytes()).await.unwrap();
    control
}

async fn is_held(control: &mut UnixStream) {
    let mut line = String::new();
    timeout(HANG, BufReader::new(control).read_line(&mut line)).await.expect("the gate closes").unwrap();
    assert_eq!(line, HELD);
}

async fn post(process: &Process) -> Wire {
    let mut wire = process.connect().await;
    wire.send(post_of("/items", "", "{}")).await;
    wire
}

#[tokio::test]
async fn request_that_changes_something_waits_until_the_hold_ends() {
    let directory = TempDir::new().unwrap();
    let process = start(&directory).await;
    let mut control = hold(&directory).await;
    is_held(&mut control).await;
    let mut waiting = post(&process).await;
    // A request that only reads does not wait.
    assert_eq!(process.connect().await.get("/same").await.0[9..12], *"304");
    assert_eq!(process.posted(), 0);
    drop(control);
    assert_eq!(waiting.status().await, "200");
    assert_eq!(process.posted(), 1);
}

#[tokio::test]
async fn request_that_is_held_too_long_gets_503_and_retry_after() {
    let directory = TempDir::new().unwrap();
    let process = start(&directory).await;
    let mut control = hold(&directory).await;
    is_held(&mut control).await;
    let (head, body) = post(&process).await.answer().await;
    assert_eq!(head[9..12], *"503");
    assert!(head.contains("retry-after: 2"), "{head}");
    assert!(body.contains("/problems/overloaded") && body.contains("A backup is being taken"), "{body}");
    assert_eq!(process.posted(), 0);
}

#[tokio::test]
async fn hold_begins_when_the_running_requests_have_ended() {
    let directory = TempDir::new().unwrap();
    let mut process = start(&directory).await;
    // The client hangs up, but the work continues.
    drop(process.work().await);
    timeout(HANG, process.left.recv()).await.expect("the handler is dropped").unwrap();
    let mut control = hold(&directory).await;
    // The gate is already closed.
    while post(&process).await.status().await != "503" {}
    let mut byte = [0];
    assert_eq!(control.try_read(&mut byte).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    process.may_end.add_permits(1);
    is_held(&mut control).await;
}

#[tokio::test]
async fn hold_whose_client_disconnects_before_it_begins_opens_the_gate() {
    let directory = TempDir::new().unwrap();
    let mut process = start(&directory).await;
    let mut working = process.work().await;
    drop(hold(&directory).await);
    // Held requests pass once the hold is over.
    let mut waiting = post(&process).await;
    assert_eq!(waiting.status().await, "200");
    process.may_end.add_permits(1);
    assert_eq!(working.status().await, "200");
}

#[tokio::test]
async fn silent_connections_to_the_socket_block_no_hold() {
    let directory = TempDir::new().unwrap();
    let _process = start(&directory).await;
    let _silent = UnixStream::connect(directory.path().join("book.sock")).await.unwrap();
    let _other = UnixStream::connect(directory.path().join("book.sock")).await.unwrap();
    let mut control = hold(&directory).await;
    is_held(&mut control).await;
}

#[tokio::test]
async fn only_its_owner_may_use_the_socket_and_a_stop_removes_it() {
    let directory = TempDir::new().unwrap();
    let process = start(&directory).await;
    let socket = directory.path().join("book.sock");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&socket), 0o600);
    process.stop.cancel();
    process.serving.await.unwrap();
    assert!(!socket.exists());
}

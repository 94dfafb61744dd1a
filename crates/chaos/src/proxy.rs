//! A TCP proxy whose connections can be cut and delayed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::Outcome;

/// The state of a proxy's connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Open,
    /// Open connections are closed, and new ones are closed at once.
    Cut,
    /// Data is delayed by this time, in each direction.
    Slow(Duration),
}

/// A proxy. It stops when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    line: Arc<watch::Sender<Line>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy at `at` to `target`.
    pub async fn start(at: SocketAddr, target: SocketAddr) -> Outcome<Self> {
        let listener = TcpListener::bind(at).await?;
        let line = Arc::new(watch::Sender::new(Line::Open));
        let lines = line.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target, lines.subscribe()));
            }
        });
        Ok(Self { line, accepting })
    }

    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.set(Line::Cut);
    }
}

async fn carry(client: TcpStream, target: SocketAddr, mut line: watch::Receiver<Line>) {
    if *line.borrow() == Line::Cut {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let (there, back) = (line.clone(), line.clone());
    tokio::select! {
        () = pass(from_client, to_server, there) => {}
        () = pass(from_server, to_client, back) => {}
        _ = line.wait_for(|line| *line == Line::Cut) => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, line: watch::Receiver<Line>) {
    let mut chunk = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        let line = *line.borrow();
        if let Line::Slow(delay) = line {
            sleep(delay).await;
        }
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}

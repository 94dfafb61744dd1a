//! A process under test, and clients that write their own bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use clap::Parser;
use http_api::body_limit;
use http_api::extract::{Anything, Json};
use http_server::Listeners;
use http_server::Server;
use http_server::health::Health;
use http_server::outliving::run_to_end;
use http_server::{api, request_span};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Limits a test that would otherwise hang. No test measures with it.
pub const HANG: Duration = Duration::from_secs(60);

#[derive(Parser)]
struct Config {
    #[command(flatten)]
    server: Server,
}

/// Serves `POST /items`, which reads JSON and counts; `POST /work`, which runs until it may end; `GET /same`,
/// which is 304; and the routes of every process.
pub struct Process {
    pub address: SocketAddr,
    pub admin: Option<SocketAddr>,
    pub stop: CancellationToken,
    pub serving: JoinHandle<()>,
    /// How many items have been posted.
    pub items: Arc<AtomicUsize>,
    /// Receives a message when work has begun.
    pub begun: mpsc::UnboundedReceiver<()>,
    /// Receives a message when the handler of some work is dropped, whether or not the work has ended.
    pub left: mpsc::UnboundedReceiver<()>,
    /// Each permit lets some work end.
    pub may_end: Arc<Semaphore>,
}

impl Process {
    pub async fn start(args: &[&str]) -> Self {
        Self::launch(args, None).await
    }

    pub async fn with_admin_port(args: &[&str]) -> Self {
        Self::launch(args, Some(listener().await)).await
    }

    async fn launch(args: &[&str], admin: Option<TcpListener>) -> Self {
        let config = Config::try_parse_from([&["process"], args].concat()).unwrap();
        let items = Arc::new(AtomicUsize::new(0));
        let (begin, begun) = mpsc::unbounded_channel();
        let may_end = Arc::new(Semaphore::new(0));
        let (count, end) = (items.clone(), may_end.clone());
        let (leave, left) = mpsc::unbounded_channel();
        let work = move || {
            let (begin, end, leaving) = (begin.clone(), end.clone(), Leaving(leave.clone()));
            async move {
                let _leaving = leaving;
                run_to_end(async move {
                    begin.send(()).unwrap();
                    end.acquire().await.unwrap().forget();
                })
                .await;
            }
        };
        let post_item = move |Json(_): Json<Anything>| async move {
            axum::Json(json!({"number": count.fetch_add(1, Ordering::SeqCst) + 1}))
        };
        let routes = Router::new()
            .route("/items", post(post_item))
            .route("/work", post(work))
            .route("/same", get(|| async { http::StatusCode::NOT_MODIFIED }))
            .route("/large", post(|_: Json<Anything>| async {}));
        let health = Health::always();
        let limits = |_: &http::Method, path: &str| match path {
            "/large" => body_limit::LARGE_BODY_LIMIT_BYTES,
            _ => body_limit::BODY_LIMIT_BYTES,
        };
        let router =
            api::wrap_with_limits(routes, Default::default(), health.clone(), request_span!(), limits);
        let main = listener().await;
        let address = main.local_addr().unwrap();
        let admin_address = admin.as_ref().map(|admin| admin.local_addr().unwrap());
        let stop = CancellationToken::new();
        let serving = tokio::spawn({
            let stop = stop.clone();
            let listeners = Listeners::new(main, admin);
            async move { http_server::serve(listeners, router, health, &config.server, stop).await }
        });
        Self { address, admin: admin_address, stop, serving, items, begun, left, may_end }
    }

    pub async fn connect(&self) -> Wire {
        Wire::to(self.address).await
    }

    /// Starts work on a new connection.
    pub async fn work(&mut self) -> Wire {
        let mut wire = self.connect().await;
        wire.send("POST /work HTTP/1.1\r\nhost: cinema\r\ncontent-length: 0\r\n\r\n").await;
        timeout(HANG, self.begun.recv()).await.expect("the work begins").unwrap();
        wire
    }

    pub fn posted(&self) -> usize {
        self.items.load(Ordering::SeqCst)
    }
}

struct Leaving(mpsc::UnboundedSender<()>);

impl Drop for Leaving {
    fn drop(&mut self) {
        // The test may be over.
        let _ = self.0.send(());
    }
}

pub async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// A connection of a client.
pub struct Wire(pub TcpStream);

impl Wire {
    pub async fn to(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads the next response: its head in lower case, and its body by its length.
    pub async fn answer(&mut self) -> (String, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(HANG, self.0.read_u8()).await.expect("an answer").unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        timeout(HANG, self.0.read_exact(&mut body)).await.expect("a body").unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    /// Reads the status of the next response.
    pub async fn status(&mut self) -> String {
        self.answer().await.0[9..12].to_owned()
    }

    pub async fn get(&mut self, path: &str) -> (String, String) {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: cinema\r\n\r\n")).await;
        self.answer().await
    }

    /// Reads until the process closes the connection.
    pub async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // Closed or reset makes no difference.
        let _ = timeout(HANG, self.0.read_to_end(&mut rest)).await.expect("the process closes");
        String::from_utf8(rest).unwrap()
    }
}

/// A `POST` of JSON with `headers`, each with its line end.
pub fn post_of(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: cinema\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

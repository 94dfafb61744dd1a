//! Fake services: one that responds with what it received, and some that misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, RequestExt, Router};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

/// A service that responds with the request that it received.
pub struct Echo {
    pub url: String,
    requests: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct EchoState {
    name: &'static str,
    requests: Arc<AtomicUsize>,
}

impl Echo {
    pub async fn start(name: &'static str) -> Self {
        Self::start_on(listener().await, name)
    }

    pub fn start_on(listener: TcpListener, name: &'static str) -> Self {
        let requests = Arc::new(AtomicUsize::new(0));
        let state = EchoState { name, requests: requests.clone() };
        Self { url: serve(listener, Router::new().fallback(echo).with_state(state)), requests }
    }

    /// Returns the number of requests received.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn echo(State(state): State<EchoState>, request: Request) -> Response {
    state.requests.fetch_add(1, Ordering::SeqCst);
    let method = request.method().to_string();
    let target = request.uri().to_string();
    let headers = listed(request.headers());
    let body: Bytes = request.extract().await.unwrap();
    let seen = json!({
        "upstream": state.name,
        "method": method,
        "target": target,
        "headers": headers,
        "body": String::from_utf8_lossy(&body[..body.len().min(100)]),
        "length": body.len(),
    });
    ([("x-request-id", "the-upstreams-own")], Json(seen)).into_response()
}

/// Returns the values of each header as a list.
fn listed(headers: &HeaderMap) -> Value {
    let values =
        |name| -> Vec<&str> { headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect() };
    headers.keys().map(|name| (name.to_string(), json!(values(name)))).collect()
}

/// Serves `router` until the test ends, and returns its URL.
pub fn serve(listener: TcpListener, router: Router) -> String {
    let url = url(&listener);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// Starts a service that responds to every request with `status` and `body`.
pub async fn answering(status: StatusCode, body: Value) -> String {
    let answer = move || async move { (status, [("retry-after", "7")], Json(body)) };
    serve(listener().await, Router::new().fallback(answer))
}

/// An address at which nothing listens. The port stays bound, so that no other process can take it.
pub struct Unreachable {
    pub url: String,
    port: TcpSocket,
}

impl Unreachable {
    /// Starts to listen.
    pub fn listen(self) -> TcpListener {
        self.port.listen(1024).unwrap()
    }
}

pub fn unreachable() -> Unreachable {
    let port = TcpSocket::new_v4().unwrap();
    port.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    Unreachable { url: format!("http://{}", port.local_addr().unwrap()), port }
}

/// Starts a service that reads a request, writes `bytes`, whatever they are, and closes the connection.
pub async fn responding_with(bytes: &'static str) -> String {
    scripted(move |mut connection| async move {
        read_head(&mut connection).await;
        connection.write_all(bytes.as_bytes()).await.unwrap();
    })
    .await
}

/// Starts a service that responds with the head that it received, byte for byte, and closes the connection.
/// It reads no body.
pub async fn echoing_heads() -> String {
    scripted(|mut connection| async move {
        let head = read_head(&mut connection).await;
        let answer =
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{head}", head.len());
        connection.write_all(answer.as_bytes()).await.unwrap();
    })
    .await
}

/// Starts a service that responds to everything with `{}`, and sends each head that it receives to `seen`.
pub async fn recording_heads(seen: mpsc::UnboundedSender<String>) -> String {
    scripted(move |mut connection| {
        let seen = seen.clone();
        async move {
            seen.send(read_head(&mut connection).await).unwrap();
            connection
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
                .await
                .unwrap();
        }
    })
    .await
}

/// Starts a service that reads a request and resets the connection.
pub async fn resetting() -> String {
    scripted(|mut connection| async move {
        read_head(&mut connection).await;
        connection.set_zero_linger().unwrap();
    })
    .await
}

/// Starts a service that reads a request and never responds.
pub async fn silent() -> String {
    scripted(|mut connection| async move {
        read_head(&mut connection).await;
        std::future::pending::<()>().await;
    })
    .await
}

async fn scripted<F>(script: impl Fn(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = listener().await;
    let url = url(&listener);
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            tokio::spawn(script(connection));
        }
    });
    url
}

/// Reads up to the empty line after a request's headers.
pub async fn read_head(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

pub async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

pub fn url(listener: &TcpListener) -> String {
    format!("http://{}", listener.local_addr().unwrap())
}

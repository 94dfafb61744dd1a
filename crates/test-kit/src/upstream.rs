//! Fakes another service, which responds, hangs, disconnects or is unreachable.

use std::future::ready;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::{AppendHeaders, IntoResponse};
use http::header::RETRY_AFTER;
use http::{HeaderName, StatusCode};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;

/// A fake service on a free port. It stops when it is dropped.
#[derive(Debug)]
pub struct FakeUpstream {
    pub url: String,
    requests: Arc<Mutex<Vec<Value>>>,
    server: Server,
}

#[derive(Debug)]
enum Server {
    Running(JoinHandle<()>),
    Silent { _port: TcpSocket },
}

impl FakeUpstream {
    /// Responds to every request with `status` and `body`.
    pub async fn answers(status: u16, body: Value) -> Self {
        let requests: Arc<Mutex<Vec<Value>>> = Arc::default();
        let seen = requests.clone();
        let app = Router::new().fallback(move |request: Request| async move {
            let bytes = to_bytes(request.into_body(), 1024 * 1024).await.unwrap();
            seen.lock().unwrap().push(serde_json::from_slice(&bytes).unwrap_or(Value::Null));
            (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
        });
        Self::serving(app, requests).await
    }

    /// Responds to every request with `status`, `body` and a `Retry-After`.
    pub async fn answers_and_asks_to_wait(status: u16, body: Value) -> Self {
        Self::does_and_asks_to_wait(move || ready((status, body.clone()))).await
    }

    /// Responds by method and path.
    pub async fn routes<F>(answer: F) -> Self
    where
        F: Fn(&str, &str) -> (StatusCode, Value) + Send + Sync + 'static,
    {
        let answer = Arc::new(answer);
        let app = Router::new().fallback(move |request: Request| async move {
            let (status, body) = answer(request.method().as_str(), request.uri().path());
            (status, axum::Json(body))
        });
        Self::serving(app, Arc::default()).await
    }

    /// Runs `work` for each request, and responds with its result and a `Retry-After`.
    pub async fn does_and_asks_to_wait<F, W>(work: F) -> Self
    where
        F: Fn() -> W + Clone + Send + Sync + 'static,
        W: Future<Output = (u16, Value)> + Send + 'static,
    {
        Self::working(work, AppendHeaders(Some((RETRY_AFTER, "1")))).await
    }

    /// Runs `work` for each request, and responds with its result.
    pub async fn does<F, W>(work: F) -> Self
    where
        F: Fn() -> W + Clone + Send + Sync + 'static,
        W: Future<Output = (u16, Value)> + Send + 'static,
    {
        Self::working(work, AppendHeaders(None)).await
    }

    /// Reads a request and never responds.
    pub async fn hangs() -> Self {
        Self::raw(true).await
    }

    /// Reads a request and closes the connection.
    pub async fn breaks_off() -> Self {
        Self::raw(false).await
    }

    /// Refuses connections. The port stays bound, so that no other process can take it.
    pub fn refuses() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self {
            url: format!("http://{}", socket.local_addr().unwrap()),
            requests: Arc::default(),
            server: Server::Silent { _port: socket },
        }
    }

    async fn working<F, W>(work: F, headers: AppendHeaders<Option<(HeaderName, &'static str)>>) -> Self
    where
        F: Fn() -> W + Clone + Send + Sync + 'static,
        W: Future<Output = (u16, Value)> + Send + 'static,
    {
        let app = Router::new().fallback(move || async move {
            let (status, body) = work().await;
            (StatusCode::from_u16(status).unwrap(), headers, axum::Json(body))
        });
        Self::serving(app, Arc::default()).await
    }

    async fn serving(app: Router, requests: Arc<Mutex<Vec<Value>>>) -> Self {
        let (listener, url) = listen().await;
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, requests, server: Server::Running(server) }
    }

    async fn raw(keep_open: bool) -> Self {
        let (listener, url) = listen().await;
        let server = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut buffer = [0; 4096];
                let _ = connection.read(&mut buffer).await;
                if keep_open {
                    held.push(connection);
                }
            }
        });
        Self { url, requests: Arc::default(), server: Server::Running(server) }
    }

    /// Returns the bodies of the requests so far, in order.
    pub fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        if let Server::Running(server) = &self.server {
            server.abort();
        }
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

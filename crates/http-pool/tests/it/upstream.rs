//! An upstream that a test controls step by step.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use http_pool::{AnswerBody, ExchangeError, Outgoing, Pool};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// Ends a test that would otherwise hang. No test measures with it.
pub const HANG: Duration = Duration::from_secs(15);

pub const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

pub struct Upstream {
    listener: TcpListener,
    pub pool: Arc<Pool>,
}

impl Upstream {
    pub async fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// Starts an upstream whose kernel buffers little of an unread body.
    pub fn with_small_buffers() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self::on(socket.listen(16).unwrap())
    }

    fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap().to_string();
        let host = HeaderValue::from_str(&address).unwrap();
        Self { listener, pool: Arc::new(Pool::new(address, host)) }
    }

    pub async fn accept(&self) -> Connection {
        let accepting = timeout(HANG, self.listener.accept());
        Connection(accepting.await.expect("the pool connects").unwrap().0)
    }

    /// Whether the pool has opened another connection.
    pub async fn has_another(&self) -> bool {
        timeout(Duration::from_millis(50), self.listener.accept()).await.is_ok()
    }

    /// Sends a request in the background.
    pub fn send(&self, request: Outgoing) -> JoinHandle<Result<String, String>> {
        let pool = self.pool.clone();
        tokio::spawn(async move {
            let response = send(&pool, request).await.map_err(|error| error.to_string())?;
            text(response).await
        })
    }
}

pub async fn send(pool: &Arc<Pool>, request: Outgoing) -> Result<Response<AnswerBody>, ExchangeError> {
    pool.send(request, Instant::now() + HANG).await
}

pub async fn text(response: Response<AnswerBody>) -> Result<String, String> {
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
    Ok(String::from_utf8(body.to_bytes().to_vec()).unwrap())
}

pub fn get(path: &str) -> Outgoing {
    Request::get(path).body(Full::default()).unwrap()
}

pub fn post(body: impl Into<Bytes>) -> Outgoing {
    Request::post("/books").body(Full::new(body.into())).unwrap()
}

/// The upstream's end of a connection.
pub struct Connection(pub TcpStream);

impl Connection {
    /// Reads up to the empty line.
    pub async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(HANG, self.0.read_u8()).await.expect("a request arrives").unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    pub async fn body(&mut self, length: usize) -> Vec<u8> {
        let mut body = vec![0; length];
        timeout(HANG, self.0.read_exact(&mut body)).await.expect("the body arrives").unwrap();
        body
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Waits until the pool closes the connection, and returns the number of bytes that still came.
    pub async fn closed(&mut self) -> usize {
        let mut rest = Vec::new();
        // A reset is a close too.
        let _ = timeout(HANG, self.0.read_to_end(&mut rest)).await.expect("the pool closes");
        rest.len()
    }
}

/// Runs one exchange with an `answer`, and checks whether the connection carries the next request.
pub async fn is_kept_after(request: Outgoing, answer: &[u8]) -> bool {
    let upstream = Upstream::start().await;
    let sending = upstream.send(request);
    let mut connection = upstream.accept().await;
    connection.head().await;
    connection.write(answer).await;
    let _ = timeout(HANG, sending).await.expect("an answer or an error arrives").unwrap();
    let next = upstream.send(get("/next"));
    let is_kept = tokio::select! {
        head = connection_head(&mut connection) => head.is_some_and(|head| head.starts_with("GET /next")),
        mut other = upstream.accept() => {
            other.head().await;
            other.write(ANSWER).await;
            assert_eq!(next.await.unwrap().unwrap(), "ok");
            return false;
        }
    };
    assert!(is_kept || upstream_answers(&upstream, next).await);
    is_kept
}

/// Reads a head, or returns `None` if the pool closes the connection.
async fn connection_head(connection: &mut Connection) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.0.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn upstream_answers(upstream: &Upstream, next: JoinHandle<Result<String, String>>) -> bool {
    let mut other = upstream.accept().await;
    other.head().await;
    other.write(ANSWER).await;
    next.await.unwrap().is_ok()
}

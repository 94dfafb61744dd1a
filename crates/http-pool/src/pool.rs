//! The way of a request to the upstream, and the connections it goes over.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, InvalidUri};
use http::{Extensions, HeaderValue, Response, Uri, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tower_service::Service;

use crate::answer::{AnswerBody, Verdict, judge};
use crate::error::ExchangeError;
use crate::request::{HEAD_MAX_BYTES, Outgoing, prepare};
use crate::wire::{OnWire, Progress, Wire};

/// Longest wait for a TCP connection: the upstream is near.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Most idle connections, and how long each may rest. The upstream must keep them longer.
pub const IDLE_MAX: usize = 256;
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Largest head of an answer, and most that is read ahead of a slow reader. Also more than any head of a request, so that
/// hyper encodes a request's head and body before it writes either.
const BUFFER_MAX_BYTES: usize = 64 * 1024;
const _: () = assert!(HEAD_MAX_BYTES < BUFFER_MAX_BYTES);

/// Interval of TCP's own probes, which find a peer that vanished silently.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// All connections from one event loop to one upstream.
///
/// Connections are opened on demand and without a limit: callers limit their requests.
pub struct Pool {
    client: Client<Connector, Full<Bytes>>,
    authority: Authority,
    host: HeaderValue,
}

impl Pool {
    /// A pool for the upstream at `address` (`host:port`), whose requests carry `host` as their `Host`.
    ///
    /// # Errors
    ///
    /// `address` is no host with a port.
    pub fn new(address: &str, host: HeaderValue) -> Result<Self, InvalidUri> {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_MAX)
            .http1_max_buf_size(BUFFER_MAX_BYTES)
            .set_host(false)
            .build(Connector { address: address.into() });
        Ok(Self { client, authority: address.parse()?, host })
    }

    /// Sends `request` and waits until `deadline` for the head of the answer.
    ///
    /// The request goes out with the framing of its body, whatever its headers say. All requests of a pool must come from
    /// one event loop.
    ///
    /// # Errors
    ///
    /// See [`ExchangeError`]: each variant says whether the upstream may have acted on the request.
    pub async fn send(
        &self,
        request: Outgoing,
        deadline: Instant,
    ) -> Result<Response<AnswerBody>, ExchangeError> {
        let mut request = prepare(request, &self.authority, &self.host)?;
        let method = request.method().clone();
        let connection = capture_connection(&mut request);
        let mut sending = pin!(self.client.request(request));
        // Dropped before `sending`, which returns the connection to the pool when it is dropped.
        let mut guard = Guard { connection: &connection, may_be_kept: false };
        let answer = timeout_at(deadline, sending.as_mut()).await;
        let mut answer = answer.map_err(|_| ExchangeError::TimedOut)?.map_err(unanswered)?;
        let progress = answer.extensions_mut().remove::<Arc<Progress>>();
        let exchange = OnWire::now(progress.expect("each connection has its progress"));
        let is_early = exchange.is_early();
        guard.may_be_kept = !is_early;
        match judge(&method, &mut answer) {
            Ok(Verdict::Certain) => {}
            Ok(Verdict::Close) => exchange.abort(),
            Err(error) => {
                exchange.abort();
                return Err(error);
            }
        }
        Ok(finished(answer, exchange, is_early))
    }
}

fn finished(mut answer: Response<Incoming>, exchange: OnWire, is_early: bool) -> Response<AnswerBody> {
    *answer.version_mut() = Version::HTTP_11;
    answer.map(|body| AnswerBody::new(body, exchange, is_early))
}

/// Keeps a connection from being used again unless a whole request went over it before its answer. Without an answer
/// nobody knows that.
struct Guard<'a> {
    connection: &'a CaptureConnection,
    may_be_kept: bool,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if !self.may_be_kept {
            self.connection.connection_metadata().as_ref().inspect(|connected| connected.poison());
        }
    }
}

/// Whether the upstream may have acted on a request that got no answer.
fn unanswered(error: Error) -> ExchangeError {
    let has_begun = error.connect_info().is_some_and(|connected| {
        let mut extras = Extensions::new();
        connected.get_extras(&mut extras);
        extras.get::<Arc<Progress>>().is_none_or(|progress| progress.has_begun())
    });
    if has_begun { ExchangeError::Invalid(error) } else { ExchangeError::unreachable(error) }
}

/// Opens connections for hyper-util.
#[derive(Clone)]
struct Connector {
    address: Arc<str>,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Wire>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Wire>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let address = self.address.clone();
        Box::pin(async move {
            let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(&*address)).await??;
            // A lost option costs latency or a late discovery, not correctness.
            let _ = stream.set_nodelay(true);
            let keepalive = TcpKeepalive::new().with_time(TCP_KEEPALIVE);
            let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
            Ok(TokioIo::new(Wire::new(stream)))
        })
    }
}

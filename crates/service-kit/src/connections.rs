//! Connections: how many, how patient with slow clients, and how they end.
//!
//! `axum::serve` does not show hyper's settings, and without them a client that sends a letter a minute keeps its
//! connection for ever; so this is its loop with limits. Where all connections are taken, those that nothing is done
//! on are closed to make room.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use futures_util::FutureExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics::Gauge;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service as _;

use crate::config::Limits;
use crate::health::Health;
use crate::overload::Door;
use crate::telemetry;

/// Largest request head. The most headers in it are hyper's default of 100, which is faster than any set number.
const HEAD_LIMIT_BYTES: usize = 16 * 1024;
/// Largest buffer of a connection.
const BUFFER_LIMIT_BYTES: usize = 64 * 1024;
/// Longest a connection is kept without a request: longer than those who keep connections to us, load balancers and
/// the gateway, keep them, so that none sends a request on one that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// Longest a client may read nothing of an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection unused for this long is closed where room is needed, and the need is told this often.
const SPARE_AFTER: Duration = Duration::from_secs(1);
const ROOM_INTERVAL: Duration = Duration::from_millis(100);
/// After an error that taking the next connection does not mend, as when there are no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What answers the requests of a process.
pub trait Answers: Send + Sync + 'static {
    /// The answer to a `request` of `peer`. Who wants to limit what is done at a time has it come through the `door`.
    fn answer(
        self: Arc<Self>,
        request: Request,
        peer: SocketAddr,
        door: Arc<Door>,
    ) -> impl Future<Output = Response> + Send;

    /// Where the next connection is to live.
    fn home(&self) -> Handle {
        Handle::current()
    }
}

impl Answers for Router {
    async fn answer(self: Arc<Self>, mut request: Request, peer: SocketAddr, door: Arc<Door>) -> Response {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(door);
        let Ok(response) = Router::clone(&self).call(request).await;
        response
    }
}

/// Has `answers` serve on `listener` until `stop`, then takes no new connection, closes each when its request has ended,
/// and returns with the last one.
pub async fn serve(
    listener: TcpListener,
    answers: impl Answers,
    health: Health,
    limits: &Limits,
    stop: CancellationToken,
) {
    let server = Arc::new(Server::new(answers, health, limits, stop.clone()));
    let places = Arc::new(Semaphore::new(limits.max_connections));
    let tasks = TaskTracker::new();
    let accepting = async {
        loop {
            let place = server.place(&places).await;
            let (stream, peer) = accept(&listener).await;
            let home = server.answers.home();
            match at_home(stream, &home) {
                Ok(stream) => {
                    tasks.spawn_on(server.clone().converse(stream, peer, place), &home);
                }
                Err(error) => tracing::error!("cannot serve a connection: {error}"),
            }
        }
    };
    stop.run_until_cancelled(accepting).await;
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The client went away again.
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::error!("cannot take a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

/// `stream`, woken from now on by the runtime that is its `home`.
fn at_home(stream: TcpStream, home: &Handle) -> io::Result<TcpStream> {
    let _entered = home.enter();
    TcpStream::from_std(stream.into_std()?)
}

/// What every connection needs.
struct Server<A> {
    http: http1::Builder,
    answers: Arc<A>,
    door: Arc<Door>,
    health: Health,
    head_timeout: Duration,
    stop: CancellationToken,
    /// Told when a connection waits for one of ours to end.
    room: Notify,
    open: Gauge,
}

impl<A: Answers> Server<A> {
    fn new(answers: A, health: Health, limits: &Limits, stop: CancellationToken) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            // From the end of one request to the end of the next one's head, so it is the limit of the idle ones.
            .header_read_timeout(IDLE_TIMEOUT)
            .max_header_size(HEAD_LIMIT_BYTES)
            .max_buf_size(BUFFER_LIMIT_BYTES);
        telemetry::record();
        Self {
            http,
            answers: Arc::new(answers),
            door: Arc::new(Door::new(limits)),
            health,
            head_timeout: limits.header_read_timeout(),
            stop,
            room: Notify::new(),
            open: metrics::gauge!("http_connections_open"),
        }
    }

    /// Waits until another connection may be taken.
    async fn place(&self, places: &Arc<Semaphore>) -> OwnedSemaphorePermit {
        loop {
            if let Ok(place) = places.clone().try_acquire_owned() {
                return place;
            }
            self.room.notify_waiters();
            if let Ok(place) = timeout(ROOM_INTERVAL, places.clone().acquire_owned()).await {
                return place.expect("the places are never closed");
            }
        }
    }

    /// One connection, from its first byte to its last.
    async fn converse(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, _place: OwnedSemaphorePermit) {
        // A lost option costs latency, not correctness.
        let _ = stream.set_nodelay(true);
        let _open = Open::count(&self.open);
        let pace = Arc::new(Pace::new());
        let io = TokioIo::new(Paced::new(stream, pace.clone(), self.head_timeout));
        let answering = service_fn(|request| self.answer(request, peer, &pace));
        let mut conversation = pin!(self.http.serve_connection(io, answering));
        let mut stopping = false;
        loop {
            tokio::select! {
                // How it ended, its client knows better than we.
                _ = conversation.as_mut() => return,
                () = self.stop.cancelled(), if !stopping => {
                    stopping = true;
                    conversation.as_mut().graceful_shutdown();
                }
                () = self.room.notified(), if !stopping => {
                    if pace.unused_for() > SPARE_AFTER {
                        stopping = true;
                        conversation.as_mut().graceful_shutdown();
                    }
                }
            }
        }
    }

    fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        pace: &Pace,
    ) -> impl Future<Output = Result<Response, Infallible>> {
        // Not in the future, which hyper polls after it has looked for more from the client.
        pace.begin();
        let answering = self.answers.clone().answer(request.map(Body::new), peer, self.door.clone());
        answering.map(|mut response| {
            self.health.mark_last(&mut response);
            pace.end();
            Ok(response)
        })
    }
}

/// Where a connection is: between two requests, in the head of one, or in the rest of it.
#[derive(Debug)]
struct Pace {
    opened: Instant,
    /// [`BUSY`], [`HEAD`], or since how many milliseconds after it was opened nothing is done on it.
    state: AtomicU64,
}

const BUSY: u64 = u64::MAX;
const HEAD: u64 = u64::MAX - 1;

impl Pace {
    fn new() -> Self {
        Self { opened: Instant::now(), state: AtomicU64::new(0) }
    }

    /// The head of a request is there.
    fn begin(&self) {
        self.state.store(BUSY, Ordering::Relaxed);
    }

    /// Its answer has begun. What comes now from the client is the next head.
    fn end(&self) {
        self.state.store(self.now(), Ordering::Relaxed);
    }

    /// Something came from the client.
    fn heard(&self) {
        if self.state.load(Ordering::Relaxed) < HEAD {
            self.state.store(HEAD, Ordering::Relaxed);
        }
    }

    fn is_in_head(&self) -> bool {
        self.state.load(Ordering::Relaxed) == HEAD
    }

    fn unused_for(&self) -> Duration {
        match self.state.load(Ordering::Relaxed) {
            BUSY | HEAD => Duration::ZERO,
            since => Duration::from_millis(self.now() - since),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(0)
    }
}

/// A stream that fails when its client takes too long to send a head, or to read an answer.
struct Paced {
    stream: TcpStream,
    pace: Arc<Pace>,
    head_timeout: Duration,
    head: Option<Pin<Box<Sleep>>>,
    write: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    fn new(stream: TcpStream, pace: Arc<Pace>, head_timeout: Duration) -> Self {
        Self { stream, pace, head_timeout, head: None, write: None }
    }

    /// `written`, or a failure when it has been pending for too long.
    fn in_time<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write = None;
            return written;
        }
        ready!(self.write.get_or_insert_with(|| Box::pin(sleep(WRITE_TIMEOUT))).as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_ready() {
            if buffer.filled().len() > before {
                self.pace.heard();
            }
            return read;
        }
        if !self.pace.is_in_head() {
            self.head = None;
            return Poll::Pending;
        }
        let head_timeout = self.head_timeout;
        ready!(self.head.get_or_insert_with(|| Box::pin(sleep(head_timeout))).as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.in_time(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.in_time(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Counts a connection for as long as it is open.
struct Open<'a>(&'a Gauge);

impl<'a> Open<'a> {
    fn count(gauge: &'a Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

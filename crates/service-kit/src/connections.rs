//! Serves connections: how many, how patient with slow clients, and how they end.
//!
//! `axum::serve` does not expose hyper's settings, and without them a client that sends a byte a minute keeps its
//! connection for ever. This module is the same loop with limits. Where all connections are taken, an unused or a slow one
//! is closed to make room.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use axum::{Extension, Router};
use futures_util::FutureExt as _;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderValue, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service as _;

use crate::config::Limits;
use crate::connections::registry::{Admission, End, Place, Registry};
use crate::health::Health;
use crate::hold::Gate;
use crate::hosts::AllowedHosts;
use crate::overload::Door;
use crate::pace::{Answer, Pace, Paced};
use crate::unread::{self, Rest};
use http_api::peers::Exempt;
use http_api::proxies::TrustedProxies;

mod registry;

/// Largest buffer of a connection.
const BUFFER_LIMIT_BYTES: usize = 64 * 1024;
/// Longest a connection is kept without a request. It is longer than load balancers and the gateway keep their unused
/// connections, so that none of them sends a request on a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// How often the loop looks for room while all connections are taken.
const ROOM_INTERVAL: Duration = Duration::from_millis(100);
/// The pause after an error that accepting the next connection does not mend, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How large the head of a request may be.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    pub bytes: usize,
    /// `None` is hyper's default of 100, which is faster than any number that is set.
    pub headers: Option<usize>,
}

impl HeadLimits {
    /// For the process that clients talk to.
    pub const CLIENTS: Self = Self { bytes: 16 * 1024, headers: None };
    /// For a process behind that one. A head that was let in there fits here too: a proxy repeats the client's host in
    /// another header, and adds a few short ones.
    pub const BEHIND_A_PROXY: Self = Self { bytes: 40 * 1024, headers: Some(128) };
}

// The largest host repeated, and room for the headers that a proxy adds.
const _: () = assert!(HeadLimits::BEHIND_A_PROXY.bytes >= 2 * HeadLimits::CLIENTS.bytes + 4 * 1024);
const _: () = assert!(HeadLimits::BEHIND_A_PROXY.bytes <= BUFFER_LIMIT_BYTES);

/// Answers the requests of a process.
pub trait Answers: Send + Sync + 'static {
    /// Answers a `request` of `peer`. What should be limited in number passes the `door` first.
    fn answer(
        self: Arc<Self>,
        request: Request,
        peer: SocketAddr,
        door: Arc<Door>,
    ) -> impl Future<Output = Response> + Send;

    /// The runtime for the next connection.
    fn home(&self) -> Handle {
        Handle::current()
    }

    /// How large a head may be.
    fn heads(&self) -> HeadLimits {
        HeadLimits::BEHIND_A_PROXY
    }

    /// Returns this with `gate` before all that changes something. Without effect where nothing is held back.
    #[must_use]
    fn behind(self, _gate: &Gate) -> Self
    where
        Self: Sized,
    {
        self
    }

    /// Returns this with `proxies` as those whose reports about clients are believed.
    #[must_use]
    fn trusting(self, _proxies: &TrustedProxies) -> Self
    where
        Self: Sized,
    {
        self
    }

    /// Returns this with `hosts` as those that requests may name.
    #[must_use]
    fn answering_for(self, _hosts: AllowedHosts) -> Self
    where
        Self: Sized,
    {
        self
    }
}

impl Answers for Router {
    async fn answer(self: Arc<Self>, mut request: Request, peer: SocketAddr, door: Arc<Door>) -> Response {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(door);
        let Ok(response) = Router::clone(&self).call(request).await;
        response
    }

    fn trusting(self, proxies: &TrustedProxies) -> Self {
        self.layer(Extension(proxies.clone()))
    }

    fn behind(self, gate: &Gate) -> Self {
        self.layer(Extension(gate.clone()))
    }

    fn answering_for(self, hosts: AllowedHosts) -> Self {
        self.layer(Extension(hosts))
    }
}

/// Serves `answers` on `listener` until `stop`. Then it accepts no new connection, closes each when its request has ended,
/// and returns when the last one has ended, and all work that outlives its request.
pub async fn serve(
    listener: TcpListener,
    answers: impl Answers,
    health: Health,
    limits: &Limits,
    exempt: Exempt,
    stop: CancellationToken,
) {
    telemetry::record();
    let tasks = TaskTracker::new();
    let door = Arc::new(Door::new(limits, exempt.clone(), tasks.clone()));
    let registry = Registry::new(limits.max_connections, limits.max_connections_per_peer, exempt);
    let registry = Arc::new(registry);
    let server = Arc::new(Server::new(answers, health, door, limits));
    let accepting = async {
        loop {
            let (stream, peer) = accept(&listener).await;
            let Some(place) = place(&registry, peer).await else { continue };
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
    registry.stop();
    tasks.close();
    tasks.wait().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The client has closed it again.
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::error!("cannot accept a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

/// Waits for a place for a connection of `peer`. `None`: its peer has too many.
async fn place(registry: &Arc<Registry>, peer: SocketAddr) -> Option<Place> {
    let since = Instant::now();
    loop {
        match registry.admit(peer.ip(), since.elapsed()) {
            Admission::Admitted(place) => return Some(place),
            Admission::PeerFull => {
                tracing::debug!("a connection of {peer} is refused: it has too many");
                return None;
            }
            Admission::Full => {
                // What ended may not have made room, and what is slow is slower later.
                let _ = timeout(ROOM_INTERVAL, registry.left()).await;
            }
        }
    }
}

/// Moves `stream` to the runtime that is its `home`.
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
}

impl<A: Answers> Server<A> {
    fn new(answers: A, health: Health, door: Arc<Door>, limits: &Limits) -> Self {
        let heads = answers.heads();
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            // From the end of one request to the end of the next one's head, so it is the limit of the idle ones.
            .header_read_timeout(IDLE_TIMEOUT)
            .max_header_size(heads.bytes)
            .max_buf_size(BUFFER_LIMIT_BYTES);
        if let Some(headers) = heads.headers {
            http.max_headers(headers);
        }
        Self { http, answers: Arc::new(answers), door, health, head_timeout: limits.header_read_timeout() }
    }

    /// Serves one connection, from its first byte to its last.
    async fn converse(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, place: Place) {
        // A lost option costs latency, not correctness.
        let _ = stream.set_nodelay(true);
        let pace = place.pace.clone();
        let io = TokioIo::new(Paced::new(stream, pace.clone(), self.head_timeout));
        let answering = service_fn(|request| self.answer(request, peer, &pace));
        let mut conversation = pin!(self.http.serve_connection(io, answering));
        loop {
            let end = poll_fn(|cx| match conversation.as_mut().poll(cx) {
                // Its client knows better than this process how it ended.
                Poll::Ready(_) => Poll::Ready(None),
                Poll::Pending => place.poll_end(cx).map(Some),
            });
            match end.await {
                None => return,
                Some(End::Evicted) if pace.waits_for_client() => return,
                // A request may have come this very moment: it is served, and is the last one.
                Some(End::Evicted | End::Stop) => conversation.as_mut().graceful_shutdown(),
            }
        }
    }

    fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        pace: &Arc<Pace>,
    ) -> impl Future<Output = Result<Response<Answer<Body>>, Infallible>> {
        // Not in the future, which hyper polls after it has looked for more from the client.
        pace.begin();
        let (request, rest) = unread::watch(request, pace);
        let answering = self.answers.clone().answer(request, peer, self.door.clone());
        answering.then(move |response| self.end(response, rest, pace.clone()))
    }

    /// Makes `response` the last one on its connection where it must be.
    async fn end(
        &self,
        mut response: Response,
        rest: Rest<Incoming>,
        pace: Arc<Pace>,
    ) -> Result<Response<Answer<Body>>, Infallible> {
        if !rest.discard().await {
            pace.leave_unread();
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        self.health.mark_last(&mut response);
        // It would be the length of what a 200 would have had (RFC 9110, 8.6), and axum says 0.
        if response.status() == StatusCode::NOT_MODIFIED {
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        Ok(response.map(|body| Answer::new(body, pace)))
    }
}

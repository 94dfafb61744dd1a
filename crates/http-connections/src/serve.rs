//! The loop that accepts connections, and the task of each connection.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt as _;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderValue, StatusCode};
use http_api::peers::Exempt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::answers::{Answers, BUFFER_LIMIT_BYTES};
use crate::pace::{Answer, Pace, Paced};
use crate::registry::{Admission, End, Place, Registry};
use crate::unread::{self, Rest};

/// Maximum time a connection stays open without a request. Load balancers and the gateway close their unused
/// connections earlier, so that none of them sends a request on a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// How often the loop tries to make room while all connections are taken.
const ROOM_INTERVAL: Duration = Duration::from_millis(100);
/// The pause after an error that would repeat at once, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections are open at the same time, and how slow they may be.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    pub max: usize,
    /// For one peer; 0 for no limit.
    pub max_per_peer: usize,
    /// The peers without a limit of their own.
    pub exempt: Exempt,
    /// Maximum time a client may take to send the head of a request.
    pub header_read_timeout: Duration,
}

/// Serves `answers` on `listener` until `stop`. Then it accepts no new connection, closes each connection
/// after its current request, and returns when the last connection and all other `tasks` have ended.
///
/// While the process `is_draining`, each response is the last of its connection.
pub async fn serve<D: Send + Sync + 'static>(
    listener: TcpListener,
    answers: impl Answers<D>,
    door: Arc<D>,
    tasks: TaskTracker,
    limits: ConnectionLimits,
    is_draining: impl Fn() -> bool + Send + Sync + 'static,
    stop: CancellationToken,
) {
    telemetry::record();
    let ConnectionLimits { max, max_per_peer, exempt, header_read_timeout } = limits;
    let registry = Arc::new(Registry::new(max, max_per_peer, exempt));
    let server = Arc::new(Server::new(answers, door, is_draining, header_read_timeout));
    let accepting = async {
        loop {
            let (stream, peer) = accept(&listener).await;
            let Some(place) = place(&registry, peer).await else { continue };
            let home = server.answers.home();
            match at_home(stream, &home) {
                Ok(stream) => {
                    tasks.spawn_on(server.clone().serve_one(stream, peer, place), &home);
                }
                Err(error) if telemetry::is_repeated("serve") => {
                    tracing::debug!(cause = %error, "cannot serve a connection");
                }
                Err(error) => tracing::error!(cause = %error, "cannot serve a connection"),
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
            // The client has already closed it.
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                if !telemetry::is_repeated("accept") {
                    tracing::error!(cause = %error, "cannot accept a connection");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

/// Waits for a place for a connection of `peer`. Returns `None` if the peer has too many.
async fn place(registry: &Arc<Registry>, peer: SocketAddr) -> Option<Place> {
    let since = Instant::now();
    loop {
        match registry.admit(peer.ip(), since.elapsed()) {
            Admission::Admitted(place) => return Some(place),
            Admission::PeerFull => {
                tracing::debug!(%peer, "refused a connection of a peer that has too many");
                return None;
            }
            Admission::Full => {
                // A connection that ends may leave no room, but a slow one becomes evictable with time.
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
struct Server<A, D, F> {
    http: http1::Builder,
    answers: Arc<A>,
    door: Arc<D>,
    is_draining: F,
    head_timeout: Duration,
}

impl<A, D, F> Server<A, D, F>
where
    A: Answers<D>,
    D: Send + Sync + 'static,
    F: Fn() -> bool + Send + Sync + 'static,
{
    fn new(answers: A, door: Arc<D>, is_draining: F, head_timeout: Duration) -> Self {
        let heads = answers.heads();
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            // hyper measures from the end of a request to the end of the next head, so this also limits idle
            // connections.
            .header_read_timeout(IDLE_TIMEOUT)
            .max_header_size(heads.bytes)
            .max_buf_size(BUFFER_LIMIT_BYTES);
        if let Some(headers) = heads.headers {
            http.max_headers(headers);
        }
        Self { http, answers: Arc::new(answers), door, is_draining, head_timeout }
    }

    /// Serves one connection, from its first byte to its last.
    async fn serve_one(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, place: Place) {
        // A lost option costs latency, not correctness.
        let _ = stream.set_nodelay(true);
        let pace = place.pace.clone();
        let io = TokioIo::new(Paced::new(stream, pace.clone(), self.head_timeout));
        let answering = service_fn(|request| self.answer(request, peer, &pace));
        let mut serving = pin!(self.http.serve_connection(io, answering));
        loop {
            let end = poll_fn(|cx| match serving.as_mut().poll(cx) {
                // The error, if there is one, is the client's to report.
                Poll::Ready(_) => Poll::Ready(None),
                Poll::Pending => place.poll_end(cx).map(Some),
            });
            match end.await {
                None => return,
                Some(End::Evicted) if pace.waits_for_client() => return,
                // A request that has just arrived is still served, as the last one.
                Some(End::Evicted | End::Stop) => serving.as_mut().graceful_shutdown(),
            }
        }
    }

    fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        pace: &Arc<Pace>,
    ) -> impl Future<Output = Result<Response<Answer<Body>>, Infallible>> {
        // Not inside the future: hyper polls it only after it has tried to read more from the client.
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
        // A load balancer's client would keep a connection, whatever its balancer has learned, until the
        // process closes it under a request.
        if (self.is_draining)() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        // It would have to be the length of the 200 (RFC 9110, 8.6), and axum sets 0.
        if response.status() == StatusCode::NOT_MODIFIED {
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        Ok(response.map(|body| Answer::new(body, pace)))
    }
}

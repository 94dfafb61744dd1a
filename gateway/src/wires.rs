//! Connections to one replica, each driven by the request that is on it.
//!
//! hyper's pooled client gives every connection a task of its own, so each request wakes that task and is woken by it, and
//! those two hand-overs cost more than all else that a proxy does. Here whoever waits for the answer moves the
//! connection on, and while nobody does, it rests in a list.

use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::HOST;
use http::{HeaderValue, Request, StatusCode, Version};
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep, timeout, timeout_at};

use crate::config::UpstreamUrl;

/// Longest wait for a TCP connection: the services are near.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Interval of TCP's own probes, which find a peer that vanished without a word.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);
/// Connections kept while unused, and for how long: one for each of 256 clients at once, and shorter than the services
/// keep them.
const IDLE_MAX: usize = 256;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a request is handed back by a connection that was closed before it was on it, or waits in vain for a new
/// one, until it counts as not sent.
const ATTEMPTS_MAX: usize = 8;

/// A request as it goes out: its body is at hand.
pub type Outgoing = Request<Full<Bytes>>;

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// It never left.
    #[error("not reached")]
    NotReached(#[source] io::Error),
    #[error("no answer in time")]
    TooLate,
    #[error("no valid answer")]
    Broken(#[source] hyper::Error),
    #[error("switched protocols, which nobody had asked for")]
    Switched,
}

/// All connections to one replica.
pub struct Wires {
    address: String,
    host: HeaderValue,
    /// Those without a request, the one used last at the end. Boxed: they are large, and moved often.
    idle: Mutex<VecDeque<Box<Wire>>>,
    /// Told when one is put there.
    left: Notify,
}

/// One connection.
struct Wire {
    sender: SendRequest<Full<Bytes>>,
    connection: Connection<TokioIo<TcpStream>, Full<Bytes>>,
    has_ended: bool,
    idle_since: Instant,
    /// Of the request that is on it. Kept from one to the next: a timer that moves to a later time costs nothing, and a
    /// new one that is the next to ring interrupts the loop, to be told of.
    alarm: Pin<Box<Sleep>>,
}

impl Wires {
    pub fn new(url: &UpstreamUrl) -> Self {
        Self { address: url.address(), host: url.host(), idle: Mutex::default(), left: Notify::new() }
    }

    /// Sends `request` and waits until `deadline` for the head of its answer, whose body moves the connection on.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub async fn send(
        self: &Arc<Self>,
        mut request: Outgoing,
        deadline: Instant,
    ) -> Result<Response, NoAnswer> {
        request.headers_mut().insert(HOST, self.host.clone());
        for _ in 0..ATTEMPTS_MAX {
            let wire = timeout_at(deadline, self.wire()).await.map_err(|_| NoAnswer::TooLate)??;
            match wire.exchange(request, deadline).await.ok_or(NoAnswer::TooLate)? {
                Ok(answered) => return self.pass_on(answered),
                Err(mut error) => match error.take_message() {
                    // The replica closed it before the request was on it, as one does that restarts.
                    Some(unsent) => request = unsent,
                    None => return Err(NoAnswer::Broken(error.into_error())),
                },
            }
        }
        Err(NoAnswer::NotReached(io::ErrorKind::ConnectionAborted.into()))
    }

    /// One that rests; where there is none, one that another request leaves or a new one, whichever is there first. A
    /// new one that comes too late rests until it is needed.
    async fn wire(self: &Arc<Self>) -> Result<Box<Wire>, NoAnswer> {
        let mut attempts = 0;
        let mut connecting = None;
        loop {
            if let Some(wire) = self.kept() {
                return Ok(wire);
            }
            let new = match &mut connecting {
                Some(new) => new,
                // Each was somebody else's before it was ours, or was closed at once.
                None if attempts == ATTEMPTS_MAX => {
                    return Err(NoAnswer::NotReached(io::ErrorKind::ConnectionAborted.into()));
                }
                None => {
                    attempts += 1;
                    let home = self.clone();
                    connecting
                        .insert(tokio::spawn(async move { home.connect().await.map(|new| home.keep(new)) }))
                }
            };
            tokio::select! {
                () = self.left.notified() => {}
                connected = new => {
                    connecting = None;
                    connected.map_err(|failure| NoAnswer::NotReached(io::Error::other(failure)))??;
                }
            }
        }
    }

    /// Closes what nobody has used for long.
    pub fn prune(&self) {
        self.idle().retain(|wire| !wire.is_old());
    }

    async fn connect(&self) -> Result<Box<Wire>, NoAnswer> {
        let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect(&self.address)).await;
        let stream = connecting
            .map_err(|_| NoAnswer::NotReached(io::ErrorKind::TimedOut.into()))?
            .map_err(NoAnswer::NotReached)?;
        // Lost options cost latency or a late discovery, not correctness.
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(TCP_KEEPALIVE));
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) =
            handshake.map_err(|error| NoAnswer::NotReached(io::Error::other(error)))?;
        let alarm = Box::pin(sleep(Duration::ZERO));
        Ok(Box::new(Wire { sender, connection, has_ended: false, idle_since: Instant::now(), alarm }))
    }

    fn pass_on(
        self: &Arc<Self>,
        (response, wire): (http::Response<Incoming>, Box<Wire>),
    ) -> Result<Response, NoAnswer> {
        let (mut head, body) = response.into_parts();
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(NoAnswer::Switched);
        }
        head.version = Version::HTTP_11;
        let body = if body.is_end_stream() {
            self.keep(wire);
            Body::empty()
        } else {
            Body::new(Passing { body, wire: Some(wire), home: self.clone() })
        };
        Ok(Response::from_parts(head, body))
    }

    /// A connection that a request may go on.
    fn kept(&self) -> Option<Box<Wire>> {
        loop {
            let mut wire = self.idle().pop_back()?;
            if wire.is_at_rest() && !wire.is_old() {
                return Some(wire);
            }
        }
    }

    /// Puts `wire` back, if another request may go on it.
    fn keep(&self, mut wire: Box<Wire>) {
        if !wire.is_at_rest() {
            return;
        }
        wire.idle_since = Instant::now();
        let mut idle = self.idle();
        if idle.len() == IDLE_MAX {
            idle.pop_front();
        }
        idle.push_back(wire);
        drop(idle);
        self.left.notify_one();
    }

    /// Nothing can panic while it is held.
    fn idle(&self) -> MutexGuard<'_, VecDeque<Box<Wire>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Unsent = TrySendError<Outgoing>;

impl Wire {
    /// Nothing where no answer has begun by the `deadline`.
    async fn exchange(
        mut self: Box<Self>,
        request: Outgoing,
        deadline: Instant,
    ) -> Option<Result<(http::Response<Incoming>, Box<Self>), Unsent>> {
        self.alarm.as_mut().reset(deadline);
        let mut answer = pin!(self.sender.try_send_request(request));
        let response = std::future::poll_fn(|cx| {
            self.move_on(cx);
            match answer.as_mut().poll(cx) {
                Poll::Ready(response) => Poll::Ready(Some(response)),
                Poll::Pending => self.alarm.as_mut().poll(cx).map(|()| None),
            }
        })
        .await?;
        Some(response.map(|response| (response, self)))
    }

    /// Writes and reads what is there to write and to read.
    fn move_on(&mut self, cx: &mut Context<'_>) {
        self.has_ended = self.has_ended || Pin::new(&mut self.connection).poll(cx).is_ready();
    }

    fn is_at_rest(&mut self) -> bool {
        self.move_on(&mut Context::from_waker(Waker::noop()));
        !self.has_ended && self.sender.is_ready()
    }

    fn is_old(&self) -> bool {
        self.idle_since.elapsed() > IDLE_TIMEOUT
    }
}

/// The body of an answer on its way through.
struct Passing {
    body: Incoming,
    wire: Option<Box<Wire>>,
    home: Arc<Wires>,
}

impl HttpBody for Passing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let mut frame = Pin::new(&mut this.body).poll_frame(cx);
        if frame.is_pending()
            && let Some(wire) = &mut this.wire
        {
            wire.move_on(cx);
            frame = Pin::new(&mut this.body).poll_frame(cx);
        }
        let is_whole = match &frame {
            Poll::Pending => false,
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(_))) => this.body.is_end_stream(),
            Poll::Ready(Some(Err(_))) => {
                this.wire = None;
                false
            }
        };
        if is_whole && let Some(wire) = this.wire.take() {
            this.home.keep(wire);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

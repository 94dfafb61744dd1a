//! The idle connections, and the way of a request to one of them.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Method, Response, Version};
use hyper::body::Incoming;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::{AnswerBody, judge};
use crate::connection::{Connection, Unanswered};
use crate::error::ExchangeError;
use crate::request::{Outgoing, prepare};

/// Longest wait for a TCP connection: the upstream is near.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Most idle connections, and how long each is kept. The upstream must keep them longer.
pub const IDLE_MAX: usize = 256;
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How many connections one request tries, and how many new ones it opens, before it counts as not sent.
pub const ATTEMPTS_MAX: usize = 8;

/// A connection that has rested for less carries a safe request without a look into its socket. The look is a system call,
/// and under load a connection rests for microseconds. A safe request that gets lost can be repeated.
const LOOK_AFTER: Duration = Duration::from_millis(1);

/// Interval of TCP's own probes, which find a peer that vanished silently.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// All connections to one upstream.
///
/// Connections are opened on demand and without a limit: callers limit their requests.
pub struct Pool {
    address: String,
    host: HeaderValue,
    /// The connections without a request, the one used last at the end. Boxed, because they are large and often moved.
    idle: Mutex<VecDeque<Box<Connection>>>,
    /// Notified when a connection becomes idle.
    returned: Notify,
}

impl Pool {
    /// A pool for the upstream at `address` (`host:port`), whose requests carry `host` as their `Host`.
    pub fn new(address: String, host: HeaderValue) -> Self {
        Self { address, host, idle: Mutex::default(), returned: Notify::new() }
    }

    /// Sends `request` and waits until `deadline` for the head of the answer.
    ///
    /// The request goes out with the framing of its body, whatever its headers say.
    ///
    /// # Errors
    ///
    /// See [`ExchangeError`]: each variant says whether the upstream may have acted on the request.
    pub async fn send(
        self: &Arc<Self>,
        request: Outgoing,
        deadline: Instant,
    ) -> Result<Response<AnswerBody>, ExchangeError> {
        let mut request = prepare(request, &self.host)?;
        let method = request.method().clone();
        for _ in 0..ATTEMPTS_MAX {
            let connection = timeout_at(deadline, self.connection(method.is_safe()))
                .await
                .map_err(|_| ExchangeError::TimedOut)??;
            match connection.exchange(request, deadline).await {
                Ok((response, connection)) => return self.answer(&method, response, connection),
                // The upstream closed the connection before the request was on it, as one does that restarts.
                Err(Unanswered::NotSent(unsent)) => request = *unsent,
                Err(Unanswered::Failed(error)) => return Err(error),
            }
        }
        Err(ExchangeError::Unreachable(io::ErrorKind::ConnectionAborted.into()))
    }

    /// Closes the connections that have been idle for [`IDLE_TIMEOUT`].
    pub fn prune(&self) {
        self.idle().retain(|connection| !is_old(connection));
    }

    /// Returns an idle connection; if there is none, one that another request returns or a new one, whichever comes first. A new
    /// one belongs to the request that opened it; if it comes too late for that, it becomes idle.
    async fn connection(self: &Arc<Self>, is_safe: bool) -> Result<Box<Connection>, ExchangeError> {
        let mut attempts = 0;
        let mut opening = None;
        loop {
            if let Some(connection) = self.take(is_safe) {
                return Ok(connection);
            }
            let new = match &mut opening {
                Some(new) => new,
                // Each one was closed at once.
                None if attempts == ATTEMPTS_MAX => {
                    return Err(ExchangeError::Unreachable(io::ErrorKind::ConnectionAborted.into()));
                }
                None => {
                    attempts += 1;
                    opening.insert(Opening::begin(self))
                }
            };
            tokio::select! {
                () = self.returned.notified() => {}
                opened = &mut new.connection => {
                    let mut connection = opened.map_err(ExchangeError::unreachable)??;
                    if connection.is_untouched() {
                        return Ok(connection);
                    }
                    opening = None;
                }
            }
        }
    }

    async fn connect(&self) -> Result<Box<Connection>, ExchangeError> {
        let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect(&self.address)).await;
        let stream = connecting
            .map_err(|_| ExchangeError::Unreachable(io::ErrorKind::TimedOut.into()))?
            .map_err(ExchangeError::Unreachable)?;
        // A lost option costs latency or a late discovery, not correctness.
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(TCP_KEEPALIVE));
        Connection::open(stream).await.map_err(ExchangeError::unreachable)
    }

    fn answer(
        self: &Arc<Self>,
        method: &Method,
        mut response: Response<Incoming>,
        connection: Box<Connection>,
    ) -> Result<Response<AnswerBody>, ExchangeError> {
        let afterwards = judge(method, &mut response)?;
        *response.version_mut() = Version::HTTP_11;
        Ok(response.map(|body| AnswerBody::new(body, connection, afterwards, self.clone())))
    }

    /// Takes an idle connection that may carry a request.
    fn take(&self, is_safe: bool) -> Option<Box<Connection>> {
        loop {
            let mut connection = self.idle().pop_back()?;
            let rested = connection.idle_since.elapsed();
            let needs_no_look = is_safe && rested < LOOK_AFTER && connection.is_ready();
            if rested <= IDLE_TIMEOUT && (needs_no_look || connection.is_untouched()) {
                return Some(connection);
            }
        }
    }

    /// Returns a connection after an exchange, if it may carry another.
    pub(crate) fn keep(&self, mut connection: Box<Connection>) {
        if connection.is_reusable() {
            self.put(connection);
        }
    }

    fn put(&self, mut connection: Box<Connection>) {
        connection.idle_since = Instant::now();
        let mut idle = self.idle();
        if idle.len() == IDLE_MAX {
            idle.pop_front();
        }
        idle.push_back(connection);
        drop(idle);
        self.returned.notify_one();
    }

    /// Nothing can panic while the lock is held.
    fn idle(&self) -> MutexGuard<'_, VecDeque<Box<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is being opened for one request. If the request does not wait for it any more, it becomes idle.
struct Opening {
    pool: Arc<Pool>,
    connection: oneshot::Receiver<Result<Box<Connection>, ExchangeError>>,
}

impl Opening {
    fn begin(pool: &Arc<Pool>) -> Self {
        let (sender, connection) = oneshot::channel();
        let opener = pool.clone();
        tokio::spawn(async move {
            let opened = opener.connect().await;
            if let Err(Ok(unused)) = sender.send(opened) {
                opener.put(unused);
            }
        });
        Self { pool: pool.clone(), connection }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.connection.close();
        if let Ok(Ok(unused)) = self.connection.try_recv() {
            self.pool.put(unused);
        }
    }
}

fn is_old(connection: &Connection) -> bool {
    connection.idle_since.elapsed() > IDLE_TIMEOUT
}

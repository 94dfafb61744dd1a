//! Finds an idle connection for a request, or opens a new one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Response, Version};
use hyper::body::Incoming;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::{AnswerBody, judge};
use crate::connection::{Connection, Unanswered};
use crate::error::ExchangeError;
use crate::idle::Idle;
use crate::request::{Outgoing, prepare};

/// Maximum wait for a TCP connection, short because upstreams are in the same network.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum number of connections that a request tries, and of new ones that it opens, before it counts as not
/// sent.
pub const ATTEMPTS_MAX: usize = 8;

/// Interval of TCP keepalive probes, which detect a peer that vanished silently.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// All connections to one upstream.
///
/// Connections are opened on demand and without a limit: callers limit their requests.
pub struct Pool {
    address: String,
    host: HeaderValue,
    idle: Arc<Idle>,
}

impl Pool {
    /// Creates a pool for the upstream at `address` (`host:port`). Requests carry `host` as their `Host`.
    pub fn new(address: String, host: HeaderValue) -> Self {
        Self { address, host, idle: Arc::default() }
    }

    /// Sends `request` and waits until `deadline` for the head of the answer.
    ///
    /// The request is framed by its body, whatever its headers contain.
    ///
    /// # Errors
    ///
    /// See [`ExchangeError`]: each variant documents whether the upstream may have acted on the request.
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
                // The upstream closed the connection before the request was written, as in a restart.
                Err(Unanswered::NotSent(unsent)) => request = *unsent,
                Err(Unanswered::Failed(error)) => return Err(error),
            }
        }
        Err(ExchangeError::Unreachable(io::ErrorKind::ConnectionAborted.into()))
    }

    /// Closes the connections that have been idle for [`IDLE_TIMEOUT`](crate::IDLE_TIMEOUT).
    pub fn prune(&self) {
        self.idle.prune();
    }

    /// Returns an idle connection. If there is none, returns one that another request releases or a new one,
    /// whichever comes first. A new connection belongs to the request that opened it; if that request has
    /// ended, it becomes idle.
    async fn connection(self: &Arc<Self>, is_safe: bool) -> Result<Box<Connection>, ExchangeError> {
        let mut attempts = 0;
        let mut opening = None;
        loop {
            if let Some(connection) = self.idle.take(is_safe) {
                return Ok(connection);
            }
            let new = match &mut opening {
                Some(new) => new,
                // The upstream closed each one at once.
                None if attempts == ATTEMPTS_MAX => {
                    return Err(ExchangeError::Unreachable(io::ErrorKind::ConnectionAborted.into()));
                }
                None => {
                    attempts += 1;
                    opening.insert(Opening::begin(self))
                }
            };
            tokio::select! {
                () = self.idle.returned() => {}
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
        // Without these options, requests are slower or a dead peer is noticed later; both are correct.
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(TCP_KEEPALIVE));
        Connection::open(stream).await.map_err(ExchangeError::unreachable)
    }

    fn answer(
        &self,
        method: &Method,
        mut response: Response<Incoming>,
        connection: Box<Connection>,
    ) -> Result<Response<AnswerBody>, ExchangeError> {
        let afterwards = judge(method, &mut response)?;
        *response.version_mut() = Version::HTTP_11;
        Ok(response.map(|body| AnswerBody::new(body, connection, afterwards, self.idle.clone())))
    }
}

/// A connection that is being opened for one request. If the request no longer waits for it, it becomes idle.
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
                opener.idle.put(unused);
            }
        });
        Self { pool: pool.clone(), connection }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.connection.close();
        if let Ok(Ok(unused)) = self.connection.try_recv() {
            self.pool.idle.put(unused);
        }
    }
}

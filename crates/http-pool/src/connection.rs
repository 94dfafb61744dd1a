//! One connection, and the exchange on it.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use crate::error::ExchangeError;
use crate::request::{Outgoing, OutgoingBody};
use crate::wire::{Progress, Wire};

/// Maximum size of an answer's head, and of the data read ahead of a slow reader.
const BUFFER_MAX_BYTES: usize = 64 * 1024;

/// One connection. It makes progress only while it is polled, and is closed when it is dropped.
pub(crate) struct Connection {
    sender: SendRequest<OutgoingBody>,
    /// `None` once the connection has ended. hyper returns a request that it has not taken only when this is
    /// dropped.
    connection: Option<http1::Connection<TokioIo<Wire>, OutgoingBody>>,
    progress: Arc<Progress>,
    pub idle_since: Instant,
    /// Fires at the deadline of the request. It is kept from one request to the next, because moving a timer
    /// to a later time is free, while a new timer that fires next interrupts the event loop.
    timer: Pin<Box<Sleep>>,
}

/// An exchange without an answer.
pub(crate) enum Unanswered {
    /// No part of the request was encoded, so it may be sent on another connection.
    NotSent(Box<Outgoing>),
    Failed(ExchangeError),
}

impl Connection {
    pub async fn open(stream: TcpStream) -> hyper::Result<Box<Self>> {
        let progress = Arc::new(Progress::default());
        let io = TokioIo::new(Wire::new(stream, progress.clone()));
        let (sender, connection) = http1::Builder::new().max_buf_size(BUFFER_MAX_BYTES).handshake(io).await?;
        let timer = Box::pin(sleep(Duration::ZERO));
        let idle_since = Instant::now();
        Ok(Box::new(Self { sender, connection: Some(connection), progress, idle_since, timer }))
    }

    /// Sends `request`, and waits until `deadline` for the head of the answer.
    pub async fn exchange(
        mut self: Box<Self>,
        request: Outgoing,
        deadline: Instant,
    ) -> Result<(Response<Incoming>, Box<Self>), Unanswered> {
        self.timer.as_mut().reset(deadline);
        self.progress.begin(request.body().is_end_stream());
        let request = request.map(|body| OutgoingBody::new(body, self.progress.clone()));
        let mut answer = pin!(self.sender.try_send_request(request));
        let answered = std::future::poll_fn(|cx| {
            self.drive(cx);
            match answer.as_mut().poll(cx) {
                Poll::Ready(answered) => Poll::Ready(Some(answered)),
                Poll::Pending => self.timer.as_mut().poll(cx).map(|()| None),
            }
        })
        .await;
        match answered {
            Some(Ok(response)) => Ok((response, self)),
            Some(Err(error)) => Err(self.unanswered(error)),
            None => Err(Unanswered::Failed(ExchangeError::TimedOut)),
        }
    }

    fn unanswered(&self, mut error: TrySendError<Request<OutgoingBody>>) -> Unanswered {
        match error.take_message() {
            Some(request) => Unanswered::NotSent(Box::new(request.map(OutgoingBody::into_inner))),
            None if self.progress.has_begun() => {
                Unanswered::Failed(ExchangeError::Invalid(error.into_error()))
            }
            None => Unanswered::Failed(ExchangeError::unreachable(error.into_error())),
        }
    }

    /// Writes and reads as much as the socket allows.
    pub fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(cx).is_ready()
        {
            self.connection = None;
        }
    }

    /// Whether the last exchange was in order and has ended.
    pub fn is_reusable(&mut self) -> bool {
        self.progress.is_in_order() && self.is_at_rest()
    }

    /// Whether the connection may carry another request now. Asks the kernel whether bytes have come since
    /// the last exchange.
    pub fn is_untouched(&mut self) -> bool {
        self.progress.begin_peeking();
        let is_at_rest = self.is_at_rest();
        self.progress.end_peeking();
        is_at_rest
    }

    /// Whether no exchange is in progress, after a poll with a waker that does nothing.
    ///
    /// Such a poll replaces the waker that a task has registered with hyper and the socket, so the task would
    /// never be woken. No wake-up is lost here, because no task waits:
    ///
    /// - Only the owner of the connection can call this, because it needs `&mut self`. The owner is
    ///   [`Idle`](crate::idle::Idle) or the pool, before an exchange or after its answer has been read to the
    ///   end; both need the result at once.
    /// - The next task to wait is that of [`exchange`](Self::exchange). It polls the connection with its own
    ///   waker before it first returns `Pending`, and so replaces the one that does nothing.
    ///
    /// The test `exchange_is_woken_after_a_poll_without_a_waker` checks the second point.
    fn is_at_rest(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.is_ready()
    }

    /// Whether the connection may carry another request, as of its last poll.
    pub fn is_ready(&self) -> bool {
        self.connection.is_some() && self.sender.is_ready()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    fn post() -> Outgoing {
        Request::post("/books").body(Full::from("{}")).unwrap()
    }

    /// Returns both ends of a new connection.
    async fn pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (stream, listener.accept().await.unwrap().0)
    }

    /// Fails if `exchange` first waits with the waker that does nothing.
    #[tokio::test]
    async fn exchange_is_woken_after_a_poll_without_a_waker() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (stream, mut upstream) = pair(&listener).await;
        let mut connection = Connection::open(stream).await.unwrap();
        assert!(connection.is_untouched() && connection.is_at_rest());

        // In a separate task, which only its waker polls again: the deadline is far away.
        let deadline = Instant::now() + Duration::from_secs(3600);
        let exchange = tokio::spawn(connection.exchange(post(), deadline));
        let mut request = Vec::new();
        while !request.ends_with(b"{}") {
            request.push(upstream.read_u8().await.unwrap());
        }
        upstream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();

        let answered = timeout(Duration::from_secs(15), exchange).await.expect("the exchange is woken");
        assert!(answered.unwrap().is_ok());
    }

    #[tokio::test]
    async fn request_on_a_closing_connection_is_returned() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (stream, mut upstream) = pair(&listener).await;
        let connection = Connection::open(stream).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let serving = async {
            // All of it, because unread bytes would turn the close into a reset, which hyper handles
            // differently.
            let mut request = Vec::new();
            while !request.ends_with(b"{}") {
                request.push(upstream.read_u8().await.unwrap());
            }
            upstream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        };
        let (answered, ()) = tokio::join!(connection.exchange(post(), deadline), serving);
        let Ok((_, mut connection)) = answered else { panic!("no answer") };
        assert!(connection.is_reusable());

        drop(upstream);
        // After a later event on another socket, the event loop knows of the close, and hyper does not.
        let (other, peer) = pair(&listener).await;
        drop(peer);
        other.readable().await.unwrap();
        let outcome = connection.exchange(post(), deadline).await;

        assert!(matches!(outcome, Err(Unanswered::NotSent(request)) if request.uri() == "/books"));
    }
}

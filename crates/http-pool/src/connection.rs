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

/// Largest head of an answer, and most that is read ahead of a slow reader.
const BUFFER_MAX_BYTES: usize = 64 * 1024;

/// One connection. It makes progress while it is polled, and is closed when it is dropped.
pub(crate) struct Connection {
    sender: SendRequest<OutgoingBody>,
    /// Nothing, once the connection has ended: hyper returns a request that it has not taken only when it is dropped.
    connection: Option<http1::Connection<TokioIo<Wire>, OutgoingBody>>,
    progress: Arc<Progress>,
    pub idle_since: Instant,
    /// Rings at the deadline of the request. Kept from one request to the next, because moving a timer to a later time is
    /// free, while a new timer that is the next to ring interrupts the event loop.
    timer: Pin<Box<Sleep>>,
}

/// An exchange without an answer.
pub(crate) enum Unanswered {
    /// Nothing of the request was encoded: it may go onto another connection.
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

    /// Writes and reads what there is to write and to read.
    pub fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(cx).is_ready()
        {
            self.connection = None;
        }
    }

    /// Whether the last exchange was in order and is over.
    pub fn is_reusable(&mut self) -> bool {
        self.progress.is_in_order() && self.is_at_rest()
    }

    /// Whether another request may go onto it now, by what the kernel knows.
    pub fn is_untouched(&mut self) -> bool {
        self.progress.look();
        let is_at_rest = self.is_at_rest();
        self.progress.stop_looking();
        is_at_rest
    }

    fn is_at_rest(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.is_ready()
    }

    /// Whether another request may go onto it, by what it knew when it was polled last.
    pub fn is_ready(&self) -> bool {
        self.connection.is_some() && self.sender.is_ready()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn post() -> Outgoing {
        Request::post("/books").body(Full::from("{}")).unwrap()
    }

    /// Both ends of a new connection.
    async fn pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (stream, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn request_that_meets_a_closing_connection_is_returned() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (stream, mut upstream) = pair(&listener).await;
        let connection = Connection::open(stream).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let serving = async {
            // All of it: what is left unread would turn the close into a reset, which hyper treats otherwise.
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
        // A later event on another socket: so the event loop knows of the close, and hyper does not.
        let (other, peer) = pair(&listener).await;
        drop(peer);
        other.readable().await.unwrap();
        let outcome = connection.exchange(post(), deadline).await;

        assert!(matches!(outcome, Err(Unanswered::NotSent(request)) if request.uri() == "/books"));
    }
}

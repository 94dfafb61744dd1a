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
    connection: http1::Connection<TokioIo<Wire>, OutgoingBody>,
    progress: Arc<Progress>,
    has_ended: bool,
    pub idle_since: Instant,
    /// Rings at the deadline of the request. Kept from one request to the next, because moving a timer to a later time is
    /// free, while a new timer that is the next to ring interrupts the event loop.
    timer: Pin<Box<Sleep>>,
}

/// An exchange without an answer.
pub(crate) enum Unanswered {
    /// Nothing of the request was encoded: it may go onto another connection.
    NotSent(Outgoing),
    Failed(ExchangeError),
}

impl Connection {
    pub async fn open(stream: TcpStream) -> hyper::Result<Box<Self>> {
        let progress = Arc::new(Progress::default());
        let io = TokioIo::new(Wire::new(stream, progress.clone()));
        let (sender, connection) = http1::Builder::new().max_buf_size(BUFFER_MAX_BYTES).handshake(io).await?;
        let timer = Box::pin(sleep(Duration::ZERO));
        let idle_since = Instant::now();
        Ok(Box::new(Self { sender, connection, progress, has_ended: false, idle_since, timer }))
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
            Some(request) => Unanswered::NotSent(request.map(OutgoingBody::into_inner)),
            None if self.progress.has_begun() => {
                Unanswered::Failed(ExchangeError::Invalid(error.into_error()))
            }
            None => Unanswered::Failed(ExchangeError::unreachable(error.into_error())),
        }
    }

    /// Writes and reads what there is to write and to read.
    pub fn drive(&mut self, cx: &mut Context<'_>) {
        self.has_ended = self.has_ended || Pin::new(&mut self.connection).poll(cx).is_ready();
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
        !self.has_ended && self.sender.is_ready()
    }
}

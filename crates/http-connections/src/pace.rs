//! What a connection waits for, and how long its client may take.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// Longest a client may read nothing of an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How much is read from a client that still sends after its last answer, and for how long. A connection that is closed
/// while its client sends is reset, and the client loses the answer.
const LINGER_LIMIT_BYTES: usize = 16 * 1024 * 1024;
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Nothing: it is between two requests.
    Unused,
    /// It receives the head of a request.
    Head,
    /// A handler works on its request.
    Work,
    /// A handler waits for the request's body.
    Body,
    /// It sends the answer.
    Answer,
    /// It cannot send the answer, which its client does not read.
    Stuck,
    /// It is closed, and its client still sends.
    Linger,
}

const ALL: [Doing; 7] =
    [Doing::Unused, Doing::Head, Doing::Work, Doing::Body, Doing::Answer, Doing::Stuck, Doing::Linger];

/// The bits for the time in [`Pace::state`].
const MILLIS: u64 = (1 << 56) - 1;

/// What a connection is doing and since when. Its own task writes it; others read it.
#[derive(Debug)]
pub(crate) struct Pace {
    opened: Instant,
    /// What it does, in the top byte, and since how many milliseconds after it was opened.
    state: AtomicU64,
    /// A part of the next request came before the answer had ended.
    is_ahead: AtomicBool,
    /// A part of a request's body was not read.
    is_unread: AtomicBool,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self {
            opened: Instant::now(),
            state: AtomicU64::new(0),
            is_ahead: AtomicBool::new(false),
            is_unread: AtomicBool::new(false),
        }
    }

    /// What the connection does, and for how long it has done it. The time of [`Doing::Work`] and [`Doing::Answer`] is that
    /// of the connection.
    pub(crate) fn standing(&self) -> (Doing, Duration) {
        let state = self.state.load(Ordering::Relaxed);
        let doing = ALL[usize::try_from(state >> 56).unwrap_or(0)];
        (doing, Duration::from_millis(self.now().saturating_sub(state & MILLIS)))
    }

    /// Whether the connection waits for its client to go on with what it has begun.
    pub(crate) fn waits_for_client(&self) -> bool {
        matches!(self.doing(), Doing::Head | Doing::Body | Doing::Stuck | Doing::Linger)
    }

    /// The head of a request is complete.
    pub(crate) fn begin(&self) {
        self.is_ahead.store(false, Ordering::Relaxed);
        self.set_untimed(Doing::Work);
    }

    /// The handler waits for the body.
    pub(crate) fn wait_for_body(&self) {
        self.turn(Doing::Work, Doing::Body);
    }

    /// The handler does not wait for the body any more.
    pub(crate) fn work(&self) {
        self.turn(Doing::Body, Doing::Work);
    }

    /// The answer begins.
    pub(crate) fn answer(&self) {
        self.set_untimed(Doing::Answer);
    }

    /// The answer has been handed over to the socket's buffer.
    fn end(&self) {
        let is_ahead = self.is_ahead.swap(false, Ordering::Relaxed);
        self.set(if is_ahead { Doing::Head } else { Doing::Unused });
    }

    /// The connection ends with this answer, though its client may still send.
    pub(crate) fn leave_unread(&self) {
        self.is_unread.store(true, Ordering::Relaxed);
    }

    /// Bytes came from the client.
    fn heard(&self) {
        match self.doing() {
            Doing::Unused => self.set(Doing::Head),
            Doing::Answer | Doing::Stuck => self.is_ahead.store(true, Ordering::Relaxed),
            _ => {}
        }
    }

    fn doing(&self) -> Doing {
        ALL[usize::try_from(self.state.load(Ordering::Relaxed) >> 56).unwrap_or(0)]
    }

    fn turn(&self, from: Doing, to: Doing) {
        if self.doing() == from {
            self.set(to);
        }
    }

    fn set(&self, doing: Doing) {
        self.state.store((doing as u64) << 56 | self.now() & MILLIS, Ordering::Relaxed);
    }

    /// For what may take as long as it likes: reading the clock is not free.
    fn set_untimed(&self, doing: Doing) {
        self.state.store((doing as u64) << 56, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(0)
    }
}

/// The body of an answer, which tells its connection when it has ended.
pub(crate) struct Answer<B> {
    body: B,
    pace: Arc<Pace>,
}

impl<B> Answer<B> {
    pub(crate) fn new(body: B, pace: Arc<Pace>) -> Self {
        pace.answer();
        Self { body, pace }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Answer<B> {
    fn drop(&mut self) {
        self.pace.end();
    }
}

/// A stream that fails when its client takes too long to send a head, or to read an answer.
pub(crate) struct Paced {
    stream: TcpStream,
    pace: Arc<Pace>,
    head_timeout: Duration,
    head: Option<Pin<Box<Sleep>>>,
    write: Option<Pin<Box<Sleep>>>,
    /// What the connection did before it got stuck.
    stuck_in: Option<Doing>,
    linger: Option<Linger>,
}

struct Linger {
    left: usize,
    timeout: Pin<Box<Sleep>>,
}

impl Paced {
    pub(crate) fn new(stream: TcpStream, pace: Arc<Pace>, head_timeout: Duration) -> Self {
        Self { stream, pace, head_timeout, head: None, write: None, stuck_in: None, linger: None }
    }

    /// Returns `written`, or a failure when it has been pending for too long.
    fn in_time<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write = None;
            if let Some(before) = self.stuck_in.take() {
                self.pace.turn(Doing::Stuck, before);
            }
            return written;
        }
        // The end of an answer may be in hyper's buffer when its body has ended.
        let doing = self.pace.doing();
        if matches!(doing, Doing::Answer | Doing::Unused) {
            self.stuck_in = Some(doing);
            self.pace.set(Doing::Stuck);
        }
        ready!(self.write.get_or_insert_with(|| Box::pin(sleep(WRITE_TIMEOUT))).as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Reads and forgets what the client still sends, within limits.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { stream, pace, linger, .. } = self;
        let linger = linger.get_or_insert_with(|| {
            pace.set(Doing::Linger);
            Linger { left: LINGER_LIMIT_BYTES, timeout: Box::pin(sleep(LINGER_TIMEOUT)) }
        });
        let mut bytes = [0; 4096];
        while linger.left > 0 && linger.timeout.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    linger.left = linger.left.saturating_sub(buffer.filled().len());
                }
                _ => break,
            }
        }
        Poll::Ready(())
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
        if self.pace.doing() != Doing::Head {
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
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        // In a head, it is one that hyper has refused.
        if self.pace.is_unread.load(Ordering::Relaxed)
            || self.pace.doing() == Doing::Head
            || self.linger.is_some()
        {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}

/// Lets a test say that bytes have come.
#[cfg(test)]
pub(crate) fn hear(pace: &Pace) {
    pace.heard();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doing(pace: &Pace) -> Doing {
        pace.standing().0
    }

    #[tokio::test(start_paused = true)]
    async fn pace_tells_what_a_connection_waits_for_and_for_how_long() {
        let pace = Arc::new(Pace::new());
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(pace.standing(), (Doing::Unused, Duration::from_secs(3)));
        pace.heard();
        tokio::time::advance(Duration::from_secs(2)).await;
        pace.heard();
        assert_eq!(pace.standing(), (Doing::Head, Duration::from_secs(2)));
        pace.begin();
        pace.wait_for_body();
        tokio::time::advance(Duration::from_secs(1)).await;
        pace.wait_for_body();
        assert_eq!(pace.standing(), (Doing::Body, Duration::from_secs(1)));
        pace.work();
        assert_eq!(doing(&pace), Doing::Work);
        let answer = Answer::new(axum::body::Body::empty(), pace.clone());
        assert_eq!(doing(&pace), Doing::Answer);
        drop(answer);
        assert_eq!(pace.standing(), (Doing::Unused, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn head_that_begins_during_an_answer_is_timed_from_the_answers_end() {
        let pace = Arc::new(Pace::new());
        pace.begin();
        let answer = Answer::new(axum::body::Body::empty(), pace.clone());
        pace.heard();
        drop(answer);
        assert_eq!(doing(&pace), Doing::Head);
    }
}

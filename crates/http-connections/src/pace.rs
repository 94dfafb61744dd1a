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

/// Maximum time in which a client may read nothing of a response.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How much is read from a client that still sends after its last response, and for how long. The kernel
/// resets a connection that is closed while its client sends, and the client loses the response.
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
    /// It sends the response.
    Answer,
    /// It cannot send the response because its client does not read.
    Stuck,
    /// It is closed, but its client still sends.
    Linger,
}

const ALL: [Doing; 7] =
    [Doing::Unused, Doing::Head, Doing::Work, Doing::Body, Doing::Answer, Doing::Stuck, Doing::Linger];

/// The bits for the time in [`Pace::state`].
const MILLIS: u64 = (1 << 56) - 1;

/// What a connection is doing, and since when. Its own task writes this; other tasks read it.
#[derive(Debug)]
pub(crate) struct Pace {
    opened: Instant,
    /// The [`Doing`] in the top byte; below it, when that began, in milliseconds after `opened`.
    state: AtomicU64,
    /// A part of the next request arrived before the response had ended.
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

    /// Returns what the connection is doing, and for how long. For [`Doing::Work`] and [`Doing::Answer`],
    /// which are not timed, it is the age of the connection.
    pub(crate) fn standing(&self) -> (Doing, Duration) {
        let state = self.state.load(Ordering::Relaxed);
        let doing = ALL[usize::try_from(state >> 56).unwrap_or(0)];
        (doing, Duration::from_millis(self.now().saturating_sub(state & MILLIS)))
    }

    /// Whether the connection waits for its client to finish what it has begun.
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
        self.change(Doing::Work, Doing::Body);
    }

    /// The handler no longer waits for the body.
    pub(crate) fn work(&self) {
        self.change(Doing::Body, Doing::Work);
    }

    /// The response begins.
    pub(crate) fn answer(&self) {
        self.set_untimed(Doing::Answer);
    }

    /// The whole response is in the socket's buffer.
    fn end(&self) {
        let is_ahead = self.is_ahead.swap(false, Ordering::Relaxed);
        self.set(if is_ahead { Doing::Head } else { Doing::Unused });
    }

    /// The connection ends with this response, although its client may still send.
    pub(crate) fn leave_unread(&self) {
        self.is_unread.store(true, Ordering::Relaxed);
    }

    /// Bytes arrived from the client.
    pub(crate) fn receive(&self) {
        match self.doing() {
            Doing::Unused => self.set(Doing::Head),
            Doing::Answer | Doing::Stuck => self.is_ahead.store(true, Ordering::Relaxed),
            _ => {}
        }
    }

    fn doing(&self) -> Doing {
        ALL[usize::try_from(self.state.load(Ordering::Relaxed) >> 56).unwrap_or(0)]
    }

    fn change(&self, from: Doing, to: Doing) {
        if self.doing() == from {
            self.set(to);
        }
    }

    fn set(&self, doing: Doing) {
        self.state.store((doing as u64) << 56 | self.now() & MILLIS, Ordering::Relaxed);
    }

    /// For states without a time limit: reading the clock is not free.
    fn set_untimed(&self, doing: Doing) {
        self.state.store((doing as u64) << 56, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(0)
    }
}

/// The body of a response. When it is dropped, the pace of its connection changes.
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

/// A stream that fails when its client takes too long to send a head or to read a response.
pub(crate) struct Paced {
    stream: TcpStream,
    pace: Arc<Pace>,
    head_timeout: Duration,
    head: Option<Pin<Box<Sleep>>>,
    write: Option<Pin<Box<Sleep>>>,
    /// What the connection was doing before it got stuck.
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

    /// Returns `written`, or an error once writes have been pending for too long.
    fn in_time<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write = None;
            if let Some(before) = self.stuck_in.take() {
                self.pace.change(Doing::Stuck, before);
            }
            return written;
        }
        // hyper's buffer may still hold the end of a response whose body has ended.
        let doing = self.pace.doing();
        if matches!(doing, Doing::Answer | Doing::Unused) {
            self.stuck_in = Some(doing);
            self.pace.set(Doing::Stuck);
        }
        ready!(self.write.get_or_insert_with(|| Box::pin(sleep(WRITE_TIMEOUT))).as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Discards what the client still sends, within limits.
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
                self.pace.receive();
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
        // While it receives a head, hyper shuts down only because it refused that head.
        if self.pace.is_unread.load(Ordering::Relaxed)
            || self.pace.doing() == Doing::Head
            || self.linger.is_some()
        {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;

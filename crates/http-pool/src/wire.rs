//! The socket below a connection, which knows how much of a request is written.
//!
//! hyper considers a request done when it has encoded it, which is earlier than when the kernel has taken its last byte. The
//! difference decides whether an answer came early, so it is observed here.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How far the request on a connection is, shared by its socket, its body and the connection.
///
/// Only the task that polls the connection uses it. The fields are atomic because that task may move to another
/// thread, which synchronizes them; hence `Relaxed`.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// hyper has taken the last byte of the body.
    encoded: AtomicBool,
    /// The kernel has taken the first byte of the request.
    begun: AtomicBool,
    /// The kernel has taken the last byte of the request.
    sent: AtomicBool,
    /// A byte came before that.
    early: AtomicBool,
    /// The next read only looks.
    looking: AtomicBool,
}

impl Progress {
    /// Begins a request.
    pub fn begin(&self, body_is_empty: bool) {
        self.encoded.store(body_is_empty, Relaxed);
        self.begun.store(false, Relaxed);
        self.sent.store(false, Relaxed);
    }

    pub fn body_is_encoded(&self) {
        self.encoded.store(true, Relaxed);
    }

    /// Whether a byte of the request may have reached the upstream.
    pub fn has_begun(&self) -> bool {
        self.begun.load(Relaxed)
    }

    /// Whether the request was written whole before the first byte of its answer came.
    pub fn is_in_order(&self) -> bool {
        self.sent.load(Relaxed) && !self.early.load(Relaxed)
    }

    /// Makes reads look into the socket, and take nothing out of it, until [`Self::stop_looking`].
    pub fn look(&self) {
        self.looking.store(true, Relaxed);
    }

    pub fn stop_looking(&self) {
        self.looking.store(false, Relaxed);
    }
}

/// A TCP stream that records the progress of what is written to it.
pub(crate) struct Wire {
    stream: TcpStream,
    progress: Arc<Progress>,
}

impl Wire {
    pub fn new(stream: TcpStream, progress: Arc<Progress>) -> Self {
        Self { stream, progress }
    }

    /// Asks the kernel, and not the event loop, whether anything came: the loop reports it one turn later.
    fn poll_look(&self) -> Poll<io::Result<()>> {
        match SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
            // The upstream closed.
            Ok(0) => Poll::Ready(Ok(())),
            Ok(_) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "bytes that nobody asked for")))
            }
        }
    }

    fn record(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.progress.begun.store(true, Relaxed);
        }
        written
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.progress.looking.load(Relaxed) {
            return this.poll_look();
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if buf.filled().len() > before && !this.progress.sent.load(Relaxed) {
            this.progress.early.store(true, Relaxed);
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.record(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.record(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when its own buffer is empty.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let progress = &this.progress;
        if progress.encoded.load(Relaxed) && progress.begun.load(Relaxed) {
            progress.sent.store(true, Relaxed);
        }
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

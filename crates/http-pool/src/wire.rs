//! The socket below a connection, which records how much of a request is written.
//!
//! hyper considers a request sent when it has encoded it, before the kernel has taken its last byte. Whether
//! an answer came early depends on the kernel, so it is recorded here.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The progress of the request on a connection, shared by its socket, its body and the connection.
///
/// Only the task that polls the connection uses it. The fields are atomic, because that task may move to
/// another thread. Moving it synchronizes memory, so `Relaxed` is enough.
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
    /// Reads only peek.
    peeking: AtomicBool,
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

    /// Whether the request was written completely before the first byte of its answer came.
    pub fn is_in_order(&self) -> bool {
        self.sent.load(Relaxed) && !self.early.load(Relaxed)
    }

    /// Makes reads peek into the socket, without taking bytes from it, until [`Self::end_peeking`].
    pub fn begin_peeking(&self) {
        self.peeking.store(true, Relaxed);
    }

    pub fn end_peeking(&self) {
        self.peeking.store(false, Relaxed);
    }
}

/// A TCP stream that records the progress of writes.
pub(crate) struct Wire {
    stream: TcpStream,
    progress: Arc<Progress>,
}

impl Wire {
    pub fn new(stream: TcpStream, progress: Arc<Progress>) -> Self {
        Self { stream, progress }
    }

    /// Asks the kernel whether bytes have come. The event loop would report them only in its next turn.
    fn poll_peek(&self) -> Poll<io::Result<()>> {
        match SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
            // The upstream closed.
            Ok(0) => Poll::Ready(Ok(())),
            Ok(_) => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "unsolicited bytes"))),
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
        if this.progress.peeking.load(Relaxed) {
            return this.poll_peek();
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

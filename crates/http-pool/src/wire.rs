//! The socket below a connection, which knows how far the exchange on it is.
//!
//! hyper considers a request done when it has encoded it, which is earlier than when the kernel has taken its last byte. The
//! difference decides whether an answer came early, so it is observed here.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use hyper_util::client::legacy::connect::{Connected, Connection};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection that has rested for less is not looked into: the look is a system call, and under load a connection
/// rests for a few microseconds.
const LOOK_AFTER: Duration = Duration::ZERO;

/// What a connection shares with the exchange on it.
///
/// Both run on one event loop. The fields are atomic because hyper-util asks for `Sync`; hence `Relaxed`.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The number of the exchange whose request was written last.
    exchange: AtomicU64,
    /// The kernel has taken the first byte of that request.
    begun: AtomicBool,
    /// A byte came before the kernel had taken its last.
    early: AtomicBool,
    /// The connection must not be used any more.
    aborted: AtomicBool,
    /// Wakes the connection.
    waker: AtomicWaker,
}

/// The exchange that is on a connection.
#[derive(Clone, Debug)]
pub(crate) struct OnWire {
    progress: Arc<Progress>,
    exchange: u64,
}

impl OnWire {
    /// The exchange that `progress` tells of now.
    pub fn now(progress: Arc<Progress>) -> Self {
        let exchange = progress.exchange.load(Relaxed);
        Self { progress, exchange }
    }

    /// Whether a byte of the answer came before the request was written whole.
    pub fn is_early(&self) -> bool {
        self.progress.early.load(Relaxed)
    }

    /// Closes the connection at once, unless another exchange is on it.
    pub fn abort(&self) {
        if self.progress.exchange.load(Relaxed) == self.exchange {
            self.progress.aborted.store(true, Relaxed);
            self.progress.waker.wake();
        }
    }
}

impl Progress {
    /// Whether a byte of the last request may have reached the upstream.
    pub fn has_begun(&self) -> bool {
        self.begun.load(Relaxed)
    }
}

/// Where the wire is in an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing was written yet.
    New,
    /// A request is being written.
    Writing,
    /// It is written whole, and nothing of its answer has come.
    Waiting,
    /// Something of the answer has come.
    Reading,
    /// And then nothing more: either the answer is over, or its rest is on the way.
    Resting { since: Instant },
}

/// A TCP stream that records the progress of the exchange on it.
pub(crate) struct Wire {
    stream: TcpStream,
    phase: Phase,
    progress: Arc<Progress>,
}

impl Wire {
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, phase: Phase::New, progress: Arc::default() }
    }

    /// Nothing more goes through an aborted connection.
    fn check(&self) -> io::Result<()> {
        if self.progress.aborted.load(Relaxed) {
            Err(io::ErrorKind::ConnectionAborted.into())
        } else {
            Ok(())
        }
    }

    /// What the kernel has, of which the event loop knows nothing yet.
    ///
    /// hyper reads before it takes a request for an idle connection. If this finds something, the request is handed
    /// back.
    fn look(&self) -> Poll<io::Result<()>> {
        match SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
            // The upstream closed.
            Ok(0) => Poll::Ready(Ok(())),
            // The event loop reports them in its next turn.
            Ok(_) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "bytes that nobody asked for")))
            }
        }
    }

    fn begin_writing(&mut self) {
        if self.phase != Phase::Writing {
            self.phase = Phase::Writing;
            self.progress.exchange.fetch_add(1, Relaxed);
            self.progress.begun.store(false, Relaxed);
            self.progress.early.store(false, Relaxed);
        }
    }

    fn record(&self, cx: &Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(1..)) => self.progress.begun.store(true, Relaxed),
            Poll::Ready(_) => {}
            Poll::Pending => self.progress.waker.register(cx.waker()),
        }
        written
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check()?;
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if read.is_ready() {
            if buf.filled().len() > before {
                match this.phase {
                    Phase::New | Phase::Writing => this.progress.early.store(true, Relaxed),
                    Phase::Waiting | Phase::Reading | Phase::Resting { .. } => this.phase = Phase::Reading,
                }
            }
            return read;
        }
        this.progress.waker.register(cx.waker());
        match this.phase {
            Phase::Reading => this.phase = Phase::Resting { since: Instant::now() },
            Phase::Resting { since } if since.elapsed() >= LOOK_AFTER => return this.look(),
            Phase::New | Phase::Writing | Phase::Waiting | Phase::Resting { .. } => {}
        }
        Poll::Pending
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.begin_writing();
        this.check()?;
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.record(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.begin_writing();
        this.check()?;
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.record(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when its own buffer is empty. The buffer then has had the whole request: the body is one frame, which
    /// hyper encodes together with the head.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.phase == Phase::Writing {
            this.phase = Phase::Waiting;
        }
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.progress.clone())
    }
}

//! Connections to one HTTP/1.1 upstream, each driven by the request that is on it.
//!
//! hyper's pooled client runs every connection in a task of its own. Each request then wakes that task and is
//! woken by it, and these two switches cost more than everything else that a proxy does. Here, a connection
//! has no task: the request that waits for an answer polls it, then the answer's body does, and between two
//! requests it is idle in a list. ADR 15 compares the two.
//!
//! hyper still parses and writes every message. This crate decides which connection carries a request, how
//! the request's head describes its body, and whether the connection may carry another request.
//!
//! # Why no wake-up is lost
//!
//! A future that returns `Pending` must have registered the waker of the task that waits for it. A connection
//! has at most one such task:
//!
//! - While a request waits for the head of its answer, [`Pool::send`] polls the connection with its own
//!   waker.
//! - While the answer's body is read, [`AnswerBody`] first polls hyper's body; if that is pending, it polls
//!   the connection with its own waker, and then the body again, because the connection may have filled it.
//! - While a connection is idle, no task waits for it. It is polled with a waker that does nothing when it is
//!   put into the list and when it is taken out, so that hyper notices a close. A socket keeps only the waker
//!   of its last poll, so the next request replaces that waker. `Connection::is_at_rest` states the
//!   conditions.
//!
//! A request that finds no idle connection waits for two things at once: a connection that another request
//! returns, and a new one. `Notify` keeps one permit, so a connection that is returned before the wait begins
//! is not missed. A waiter that is dropped passes its notification on.
//!
//! A connection that has ended is dropped at once, because only then does hyper return a request that it has
//! not taken. A request can be given to a connection at the very moment at which the upstream closes it.
//!
//! # When a connection is kept
//!
//! A connection carries another request only if no bytes of the last exchange are left, on the wire or in a
//! buffer. All of these conditions must hold:
//!
//! - The request was written completely before the first byte of the answer came. An upstream that answers
//!   early may not have read the rest, and would read the next request as that rest.
//! - The answer ended as its head announced, and the caller read it to the end. A caller that stops early
//!   closes the connection, and so does a truncated body.
//! - The answer's head leaves no doubt about its end: it is HTTP/1.1 without `Connection: close`, and it has
//!   one `Content-Length` or the one transfer coding `chunked`, or its status or the method excludes a body.
//! - No trailers follow the body. Recipients disagree about where trailers with a bare LF end, and hyper does
//!   not report it.
//! - The deadline has not passed, and the caller has not dropped the exchange.
//! - No byte has come since. The pool peeks into the socket when it takes a connection, because the event
//!   loop may not have reported yet what the kernel has received. A connection that has been idle for less
//!   than a millisecond carries a safe request without the peek: the peek is a system call, and a safe
//!   request that gets lost can be repeated. No check can cover the moment after it: unsolicited bytes that
//!   an upstream sends exactly then are taken for an answer, in any HTTP/1.1 client.
//!
//! # Which end closes
//!
//! The pool closes a connection that has been idle for [`IDLE_TIMEOUT`], which must be shorter than the idle
//! timeout of the upstream (75 s in this fleet). Otherwise, a request could be sent on a connection that is
//! being closed.
//!
//! # What is sent twice
//!
//! If the upstream has closed an idle connection, hyper returns the request without having encoded any of it.
//! The pool then tries another connection, at most [`ATTEMPTS_MAX`] times. Once a request is encoded, the
//! pool never repeats it, whatever its method: the error tells the caller whether a byte may have reached the
//! upstream, and the caller decides.
//!
//! # Layout
//!
//! - [`pool`]: finds or opens a connection for a request.
//! - `idle`: the idle connections.
//! - [`request`]: prepares the head of a request.
//! - `connection`: one connection, and the exchange on it.
//! - `wire`: the socket below it, which records how much of a request is written.
//! - [`answer`]: decides whether a connection may be kept after an answer; the answer's body.
//! - [`error`]: why a request got no answer.

pub mod answer;
mod connection;
pub mod error;
mod idle;
pub mod pool;
pub mod request;
mod wire;

pub use answer::AnswerBody;
pub use error::ExchangeError;
pub use idle::{IDLE_MAX, IDLE_TIMEOUT};
pub use pool::{ATTEMPTS_MAX, CONNECT_TIMEOUT, Pool};
pub use request::{Outgoing, is_hop_by_hop};

//! Connections to one HTTP/1.1 upstream, each driven by the request that is on it.
//!
//! hyper's pooled client gives every connection a task of its own. Each request then wakes that task and is woken by it,
//! and these two switches cost more than everything else that a proxy does. Here a connection has no task: the request
//! that waits for an answer polls it, later the answer's body does, and in between it rests in a list. ADR 15 compares the
//! two.
//!
//! hyper still parses and writes every message. This crate decides which connection a request goes on, what its head
//! says about its body, and whether the connection may carry another request.
//!
//! # Why no wake-up is lost
//!
//! A future that returns `Pending` must have registered the waker of the task that waits for it. A connection has at most
//! one such task:
//!
//! - While a request waits for the head of its answer, [`Pool::send`] polls the connection with its own waker.
//! - While the answer's body is read, [`AnswerBody`] first polls hyper's body; if that is pending, it polls the
//!   connection with its own waker, and then the body again, because the connection may have filled it.
//! - While a connection rests, nobody waits. It is polled with a waker that does nothing, when it is put into the list and
//!   when it is taken out, to process what has happened. Each socket keeps only the waker of its last poll, so the next
//!   request replaces that one.
//!
//! A request that finds no idle connection waits for two things at once: a connection that another request returns, and
//! a new one. `Notify` keeps one permit, so a connection that is returned before the wait begins is not missed. A
//! waiter that is dropped passes its notification on.
//!
//! A connection that has ended is dropped at once. hyper answers the request that it has not taken yet only then, and a
//! request can meet a connection at the very moment at which the upstream closes it.
//!
//! # When a connection is kept
//!
//! A connection carries another request only if nothing is left of the last one, on the wire or in a buffer. All of this
//! must hold:
//!
//! - The request was written whole before the first byte of the answer came. An upstream that answers early may
//!   not have read the rest, and would read the next request as that rest.
//! - The answer ended where its head said, and its reader read it to the end. A reader that stops early closes the
//!   connection, as does a body that breaks off.
//! - The answer's head leaves no doubt about its end: it is HTTP/1.1, it does not say `Connection: close`, and it has one
//!   `Content-Length` or the one transfer coding `chunked`, or its status or the method says that there is no body.
//! - No trailers follow the body. Recipients disagree about where trailers with a bare LF end, and hyper does not tell.
//! - The deadline has not passed, and the caller has not dropped the exchange.
//! - No byte has come since. That is checked by a look into the socket when a connection is taken, because the event
//!   loop may not have reported yet what the kernel has received. A connection that has rested for less than a millisecond
//!   carries a safe request without the look: the look is a system call, and a safe request that gets lost can be repeated.
//!   No check can cover the moment after it: an upstream that sends bytes that nobody asked for exactly then has them taken
//!   for an answer, in any HTTP/1.1 client.
//!
//! # Which end closes
//!
//! The pool closes a connection that has been idle for [`IDLE_TIMEOUT`], which must be shorter than the time after which the
//! upstream does (75 s in this fleet). Otherwise a request could meet a connection that is being closed.
//!
//! # What is sent twice
//!
//! A request that hyper hands back was never encoded, so it goes onto another connection, at most [`ATTEMPTS_MAX`] times. That
//! happens when the upstream closed an idle connection. After that point the pool never repeats a request, whatever
//! its method: the error says whether a byte may have reached the upstream, and the caller decides.
//!
//! # Layout
//!
//! - [`pool`]: the way of a request to a connection.
//! - `idle`: the connections without a request.
//! - [`request`]: the head that a request goes out with.
//! - `connection`: one connection, and the exchange on it.
//! - `wire`: the socket below it, which knows how much of a request is written.
//! - [`answer`]: what the head of an answer says about the connection, and the body on its way to the caller.
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

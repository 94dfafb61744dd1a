//! Requests to one HTTP/1.1 upstream over shared connections, each with its own framing.
//!
//! hyper-util's client keeps the connections and hyper parses and writes every message. This crate decides what the head
//! of a request says about its body, which answers are passed on, and which connections must not carry another request.
//! ADR 15 compares it with a pool of our own.
//!
//! # When a connection is kept
//!
//! A connection carries another request only if nothing is left of the last one, on the wire or in a buffer. hyper closes a
//! connection when a message breaks off, when the answer says `Connection: close`, when the answer ends with it, and
//! when bytes come that belong to no answer. This crate adds:
//!
//! - An answer that began before its request was written whole closes its connection. Its upstream may not have read the
//!   rest, and would read the next request as that rest.
//! - An answer with two framings or several lengths is refused, because recipients disagree about its end. An answer without
//!   a body whose head announces one closes its connection, and that length is not passed on.
//! - An answer with trailers closes its connection. Recipients disagree about where trailers with a bare LF end, and hyper
//!   does not tell.
//! - A reader that drops an answer before its end closes the connection, as does a deadline.
//! - A connection that has rested for a while is looked into when a request comes, because the event loop may not have
//!   reported yet what the kernel has received. No check can cover the moment after it: an upstream that sends bytes that
//!   nobody asked for exactly then has them taken for an answer, in any HTTP/1.1 client.
//!
//! The first and the last rule need the socket's own view, so `wire` wraps it.
//!
//! # One event loop
//!
//! hyper-util may return a connection to its pool before [`Pool::send`] has judged the answer that came over it. No other
//! task runs between the two on an event loop with one thread. So all requests of a pool must come from such a loop; the
//! gateway has a pool for each loop and upstream.
//!
//! # Which end closes
//!
//! A connection that has rested for [`IDLE_TIMEOUT`] carries no further request. The upstream must keep idle connections
//! longer (75 s in this fleet). Otherwise a request could meet a connection that is being closed.
//!
//! # What is sent twice
//!
//! A request that hyper hands back was never encoded, so hyper-util sends it over another connection. That happens when
//! the upstream closed an idle connection. After that point nothing is repeated, whatever the method: the error says
//! whether a byte may have reached the upstream, and the caller decides.
//!
//! # Layout
//!
//! - [`pool`]: the way of a request to the upstream.
//! - [`request`]: the head that a request goes out with.
//! - `wire`: the socket, which knows how much of a request is written.
//! - [`answer`]: what the head of an answer says about its end, and the body on its way to the caller.
//! - [`error`]: why a request got no answer.

pub mod answer;
pub mod error;
pub mod pool;
pub mod request;
mod wire;

pub use answer::AnswerBody;
pub use error::ExchangeError;
pub use pool::{CONNECT_TIMEOUT, IDLE_MAX, IDLE_TIMEOUT, Pool};
pub use request::{HEAD_MAX_BYTES, Outgoing};

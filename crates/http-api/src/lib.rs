//! What an endpoint needs, and no I/O.
//!
//! # Layout
//!
//! - [`request`]: the id and the URI of the request that this task serves.
//! - [`problem`]: RFC 9457 responses.
//! - [`extract`]: bodies, path ids, queries and idempotency keys; each failure is a problem that names the
//!   field.
//! - [`body_limit`]: how large the body of a request may be.
//! - [`hal`]: links and collections.
//! - [`accept`]: which representation a client prefers, and which it already has.
//! - [`proxies`]: which peers are our own proxies, and what they report about a client.
//! - [`peers`]: which peers have limits of their own.
//! - [`deadline`]: how long the caller of a request waits.
//! - [`staff`]: the token that staff send, and how guesses at it are slowed down.
//! - [`description`]: the OpenAPI description of a process, completed with the answers of every operation.
//! - [`fallback`]: the responses of every process to unknown paths, wrong methods and panics.

pub mod accept;
pub mod body_limit;
pub mod deadline;
pub mod description;
pub mod extract;
pub mod fallback;
pub mod hal;
pub mod peers;
pub mod problem;
pub mod proxies;
pub mod request;
pub mod staff;

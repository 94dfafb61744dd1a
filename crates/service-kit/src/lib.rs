//! What every process of the fleet does the same way, and nothing that knows a domain noun.
//!
//! # Layout
//!
//! In the order a process meets them:
//!
//! - [`config`]: the settings all processes share; a wrong one names its variable and exits 64.
//! - [`mod@self::process`], `serving`: from `main` to exit: signals, background tasks, serving, draining.
//! - [`connections`]: the loop that accepts connections, with limits for slow and for idle clients.
//! - `pace`, `unread`: what a connection waits for, and what is left unread of a request's body.
//! - [`peers`]: which peers have limits of their own.
//! - [`health`]: `/livez`, `/readyz`, `/actuator/health`, `/metrics`.
//! - [`request_log`]: request id, trace, one log line and two metrics per request.
//! - [`overload`]: how many requests run and wait, and which are rejected.
//! - [`hold`]: requests that change something wait while a backup is taken.
//! - [`deadline`]: how long the caller of a request waits.
//! - [`body`]: reads a request's body, within the limits of its route, its peer and the process.
//! - [`extract`]: bodies, path ids, queries and idempotency keys, each failure a problem naming the field.
//! - [`problem`]: RFC 9457 answers.
//! - [`hal`]: links, collections and pages.
//! - [`accept`]: which representation a client prefers, and which it has.
//! - [`proxies`]: which peers are our own proxies, and what they report about a client.
//! - [`staff`]: who may do what customers may not.
//! - [`upstream`]: calling another service through retries, a breaker, a timeout and a bulkhead, with "never sent" and
//!   "outcome unknown" told apart.
//! - [`api`]: puts the above around a service's own routes.

mod admin;
pub mod api;
pub mod body;
pub mod config;
pub mod connections;
pub mod health;
pub mod hold;
pub mod hosts;
mod outliving;
pub mod overload;
mod pace;
mod probes;
pub mod request_log;
mod serving;
mod shed;
mod unread;

pub use ::process::{VERSION, crash};
pub use circuit_breaker;
pub use http_api::{accept, deadline, extract, hal, peers, problem, proxies, staff};
pub use telemetry::{self, trace_context};
pub use upstream::{self, upstream_args};

/// From `main` to exit.
pub mod process {
    pub use ::process::{Background, StartError, stop_signal};

    pub use crate::serving::{Listeners, bind, run, serve};
}

//! What every process of the fleet does the same way, and nothing that knows a domain noun.
//!
//! # Layout
//!
//! In the order a process meets them:
//!
//! - [`config`]: the settings all processes share; a wrong one names its variable and exits 64.
//! - [`telemetry`]: logs for people or for machines, and the metrics recorder.
//! - `log_lines`: log lines on their way to standard output, many at a time.
//! - [`process`]: from `main` to exit: signals, background tasks, serving, draining.
//! - [`connections`]: the loop that accepts connections, with limits for slow and for idle clients.
//! - `pace`, `unread`: what a connection waits for, and what is left unread of a request's body.
//! - [`peers`]: which peers have limits of their own.
//! - [`health`]: `/livez`, `/readyz`, `/actuator/health`, `/metrics`.
//! - [`request_log`]: request id, trace, one log line and two metrics per request.
//! - [`trace_context`]: the W3C `traceparent` a request or an event carries.
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
//! - [`crash`]: dying on purpose, in tests.
//! - [`api`]: puts the above around a service's own routes.

pub mod accept;
pub mod api;
pub mod body;
pub mod config;
pub mod connections;
pub mod crash;
pub mod deadline;
pub mod extract;
pub mod hal;
pub mod health;
pub mod hold;
pub mod hosts;
mod log_lines;
pub mod overload;
mod pace;
pub mod peers;
pub mod problem;
pub mod process;
pub mod proxies;
pub mod request_log;
pub mod staff;
pub mod telemetry;
pub mod trace_context;
mod unread;
pub mod upstream;

pub use circuit_breaker;

/// The version every process reports: `--version`, `/readyz`. A build that is shipped names itself by `MARQUEE_VERSION`.
pub const VERSION: &str = match option_env!("MARQUEE_VERSION") {
    Some(version) if !version.is_empty() => version,
    _ => env!("CARGO_PKG_VERSION"),
};

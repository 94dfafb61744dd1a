//! What every process of the fleet does the same way, and nothing that knows a domain noun.
//!
//! # Layout
//!
//! In the order a process meets them:
//!
//! - [`config`]: the settings all processes share; a wrong one names its variable and exits 64.
//! - [`telemetry`]: logs for people or for machines, and the metrics recorder.
//! - [`process`]: from `main` to exit: signals, background tasks, serving, draining.
//! - [`health`]: `/livez`, `/readyz`, `/actuator/health`, `/metrics`.
//! - [`request_log`]: request id, trace, one log line and two metrics per request.
//! - [`trace_context`]: the W3C `traceparent` a request or an event carries.
//! - [`extract`]: bodies, path ids and queries, each failure a problem naming the field.
//! - [`problem`]: RFC 9457 answers.
//! - [`hal`]: links, collections and pages.
//! - [`upstream`]: calling another service, with "never sent" and "outcome unknown" told apart.
//! - [`api`]: puts the above around a service's own routes.

pub mod api;
pub mod config;
pub mod extract;
pub mod hal;
pub mod health;
pub mod problem;
pub mod process;
pub mod request_log;
pub mod telemetry;
pub mod trace_context;
pub mod upstream;

/// The version every process reports: `--version`, `/readyz`. A build that is shipped names itself by `MARQUEE_VERSION`.
pub const VERSION: &str = match option_env!("MARQUEE_VERSION") {
    Some(version) if !version.is_empty() => version,
    _ => env!("CARGO_PKG_VERSION"),
};

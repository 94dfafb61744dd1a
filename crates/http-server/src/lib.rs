//! What a process needs to serve HTTP.
//!
//! # Layout
//!
//! In the order in which a process and then a request meets them:
//!
//! - [`Server`], [`Limits`] (`config`): the settings of every process with an HTTP server.
//! - [`run`], [`bind`], [`serve`], [`Serves`] (`serving`, `serves`, `port`): from `main` to the last
//!   connection.
//! - `admin`: probes and metrics on a port of their own.
//! - [`health`], [`probes`]: `/livez`, `/readyz`, `/actuator/health`, `/metrics`.
//! - [`api`]: puts the layers below around the routes of a service.
//! - [`request_log`]: request id, trace, one log line and two metrics a request.
//! - [`hosts`]: which hosts a process answers for.
//! - [`overload`], [`shed`]: how many requests run and wait, and which are rejected.
//! - [`body`]: reads the body of a request, within the limits of its route, its peer and the process.
//! - [`hold`]: requests that change something wait while a backup is taken.
//! - [`outliving`]: work that outlives its request.

mod admin;
pub mod api;
pub mod body;
mod config;
pub mod health;
pub mod hold;
pub mod hosts;
pub mod outliving;
pub mod overload;
mod port;
pub mod probes;
pub mod request_log;
mod serves;
mod serving;
pub mod shed;

pub use config::{Limits, Server};
pub use serves::Serves;
pub use serving::{Listeners, bind, run, serve};

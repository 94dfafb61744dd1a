//! Points: an append-only ledger; a customer's balance is the sum of their rows.
//!
//! # Layout
//!
//! In the order in which a request or an event passes them:
//!
//! - [`config`]: the settings, from the command line and the environment.
//! - [`boot`]: starts the process, serves, and stops it.
//! - [`http`]: requests of the ticket service and of customers.
//! - [`consumers`]: events of the other services.
//! - [`app`]: one file per use case, for requests and events.
//! - [`domain`]: a row of the ledger, without clock, database or network.
//! - [`store`]: the ledger in SQL.

use std::ffi::OsString;
use std::process::ExitCode;

use axum::Router;
use http_server::api;
use http_server::health::Health;
use http_server::request_span;
use storage::Db;

use crate::config::Config;

pub mod app;
pub mod boot;
pub mod config;
pub mod consumers;
pub mod domain;
pub mod http;
pub mod store;

/// The service's name: its consumer group, and the source of its events.
pub const SERVICE: &str = "point";

/// The migrations of the service's own tables.
pub static MIGRATIONS: storage::Migrations = storage::migrations!();

/// Runs the service until it is stopped.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    http_server::run(args, |config: &Config| &config.server, boot::run)
}

/// The state that all requests share.
#[derive(Clone, Debug)]
pub struct AppState {
    pub db: Db,
}

/// All routes of the service.
pub fn router(state: AppState, health: Health) -> Router {
    let (routes, description) = http::routes().split_for_parts();
    api::wrap(routes.with_state(state), description, health, request_span!(booking_id))
}

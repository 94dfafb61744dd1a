//! Points: a ledger that rows are only added to; a balance is their sum.
//!
//! # Layout
//!
//! In the order points meet them:
//!
//! - [`config`]: what the environment may say.
//! - [`boot`]: from there to a process that serves, and back to nothing.
//! - [`http`]: door 1, the ticket service and customers.
//! - [`consumers`]: door 2, events of the other services.
//! - [`app`]: one file a use case; both doors lead here.
//! - [`domain`]: what a row of the ledger is. No clock, no database, no network.
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

/// The service's own tables.
pub static MIGRATIONS: storage::Migrations = storage::migrations!();

/// Runs the service until it is asked to stop.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    http_server::run(args, |config: &Config| &config.server, boot::run)
}

/// What every request may use.
#[derive(Clone, Debug)]
pub struct AppState {
    pub db: Db,
}

/// All routes of the service.
pub fn router(state: AppState, health: Health) -> Router {
    let (routes, description) = http::routes().split_for_parts();
    api::wrap(routes.with_state(state), description, health, request_span!(booking_id))
}

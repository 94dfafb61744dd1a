//! The sandbox payment provider: it charges and refunds, moves no real money, and keeps a ledger of what it did.
//!
//! It stands where a real provider would. It does not know what is paid for: its callers name each payment by a reference
//! of their own, and the reference is the idempotency key.
//!
//! # Layout
//!
//! In the order a payment meets them:
//!
//! - [`config`]: the settings.
//! - [`boot`]: starts the process and stops it.
//! - [`http`]: the only door. `PUT /v1/payments/{reference}` reads as a whole in [`http::payments`].
//! - [`sandbox`]: how long a charge takes, what is declined, and which answers go wrong on purpose.
//! - [`app`]: one use case a file.
//! - [`domain`]: what a payment is and which way it may go. No clock, no database, no network.
//! - [`store`]: payments and the ledger in SQL.

use std::ffi::OsString;
use std::process::ExitCode;

use axum::Router;
use http_server::api;
use http_server::health::Health;
use http_server::request_span;
use storage::Db;

use crate::config::Config;
use crate::http::Turns;
use crate::sandbox::Sandbox;

pub mod app;
pub mod boot;
pub mod config;
pub mod domain;
pub mod http;
pub mod sandbox;
pub mod store;

/// The service's name, and the name of its database.
pub const SERVICE: &str = "processor";

/// The service's tables.
pub static MIGRATIONS: storage::Migrations = storage::migrations!();

/// Runs the service until it is asked to stop.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    http_server::run(args, |config: &Config| &config.server, boot::run)
}

/// What every request may use.
#[derive(Clone, Debug)]
pub struct AppState {
    pub db: Db,
    pub sandbox: Sandbox,
    /// The charges that this process is deciding.
    pub turns: Turns,
}

impl AppState {
    pub fn new(db: Db, sandbox: Sandbox) -> Self {
        Self { db, sandbox, turns: Turns::default() }
    }
}

/// All routes of the service.
pub fn router(state: AppState, health: Health) -> Router {
    let (routes, description) = http::routes(state.sandbox.faults).split_for_parts();
    api::wrap(routes.with_state(state), description, health, request_span!())
}

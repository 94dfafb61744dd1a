//! The sandbox payment provider. It charges and refunds, moves no real money, and keeps a ledger of both.
//!
//! It takes the place of a real provider, and does not know what is paid for. Its callers name each payment
//! by a reference of their choice, which is also the idempotency key.
//!
//! # Layout
//!
//! In the order in which a payment passes them:
//!
//! - [`config`]: the settings, from the command line and the environment.
//! - [`boot`]: starts the process, serves, and stops it.
//! - [`http`]: requests. [`http::payments`] has all steps of a charge.
//! - [`sandbox`]: how long a charge takes, which charges are declined, and which responses fail on purpose.
//! - [`app`]: one file per use case.
//! - [`domain`]: a payment and its transitions, without clock, database or network.
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

/// The migrations of the service's tables.
pub static MIGRATIONS: storage::Migrations = storage::migrations!();

/// Runs the service until it is stopped.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    http_server::run(args, |config: &Config| &config.server, boot::run)
}

/// The state that all requests share.
#[derive(Clone, Debug)]
pub struct AppState {
    pub db: Db,
    pub sandbox: Sandbox,
    /// Lets one request at a time decide the charge of a reference.
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

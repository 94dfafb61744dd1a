//! Payments: one per booking, charged once, and refunded when the booking is canceled.
//!
//! # Layout
//!
//! In the order in which a payment passes them:
//!
//! - [`config`]: the settings, from the command line and the environment.
//! - [`boot`]: starts the process, serves, and stops it.
//! - [`http`]: requests, most of them from the book service.
//! - [`paying`]: one payment from its request to its record, and inquiries about interrupted payments.
//! - [`consumers`]: events of the other services.
//! - [`refunder`]: cancels at the provider, until the provider confirms.
//! - [`app`]: one file per use case, for requests, events and the refunder.
//! - [`domain`]: a payment and its transitions, without clock, database or network.
//! - [`store`]: payments and idempotency keys in SQL.
//! - [`clients`]: calls to the payment provider.

use std::ffi::OsString;
use std::process::ExitCode;

use axum::Router;
use http_server::api;
use http_server::health::Health;
use http_server::request_span;
use storage::Db;

use crate::clients::Processor;
use crate::config::Config;

pub mod app;
pub mod boot;
pub mod clients;
pub mod config;
pub mod consumers;
pub mod domain;
pub mod http;
pub mod paying;
pub mod refunder;
pub mod store;

/// The service's name: its consumer group, and the source of its events.
pub const SERVICE: &str = "payment";

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
    pub processor: Processor,
}

/// All routes of the service.
pub fn router(state: AppState, health: Health) -> Router {
    let (routes, description) = http::routes().split_for_parts();
    api::wrap(routes.with_state(state), description, health, request_span!(booking_id))
}

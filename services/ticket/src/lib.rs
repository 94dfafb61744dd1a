//! Tickets: created when a booking is paid, collected at the cinema, void when the booking is canceled first.
//!
//! # Layout
//!
//! In the order in which a ticket passes them:
//!
//! - [`config`]: the settings, from the command line and the environment.
//! - [`boot`]: starts the process, serves, and stops it.
//! - [`consumers`]: events of the other services. One of them creates the ticket.
//! - [`http`]: requests of customers. [`http::collect`] is a collection from start to end.
//! - [`reconciler`]: finishes interrupted collections.
//! - [`app`]: one file per use case, for requests, events and the reconciler.
//! - [`domain`]: a ticket and its transitions, without clock, database or network.
//! - [`store`]: tickets in SQL.
//! - [`clients`]: calls to the point service.

use std::ffi::OsString;
use std::process::ExitCode;

use axum::Router;
use http_server::api;
use http_server::health::Health;
use http_server::request_span;
use storage::Db;

use crate::clients::Points;
use crate::config::Config;

pub mod app;
pub mod boot;
pub mod clients;
pub mod config;
pub mod consumers;
pub mod domain;
pub mod http;
pub mod reconciler;
pub mod store;

/// The service's name: its consumer group, and the source of its events.
pub const SERVICE: &str = "ticket";

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
    pub points: Points,
}

/// All routes of the service.
pub fn router(state: AppState, health: Health) -> Router {
    let (routes, description) = http::routes().split_for_parts();
    api::wrap(routes.with_state(state), description, health, request_span!(booking_id))
}

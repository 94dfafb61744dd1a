//! Tickets: made when a booking is paid, collected at the cinema, void when the booking is canceled first.
//!
//! # Layout
//!
//! In the order a ticket meets them:
//!
//! - [`config`]: what the environment may say.
//! - [`boot`]: from there to a process that serves, and back to nothing.
//! - [`consumers`]: door 2, events of the other services. Here a ticket begins.
//! - [`http`]: door 1, customers. Collecting reads as a whole in [`http::collect`].
//! - [`reconciler`]: finishes the collections that broke off.
//! - [`app`]: one file a use case; all doors lead here.
//! - [`domain`]: what a ticket is and which way it may go. No clock, no database, no network.
//! - [`store`]: tickets in SQL.
//! - [`clients`]: the point service.

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
    pub points: Points,
}

/// All routes of the service.
pub fn router(state: AppState, health: Health) -> Router {
    let (routes, description) = http::routes().split_for_parts();
    api::wrap(routes.with_state(state), description, health, request_span!(booking_id))
}

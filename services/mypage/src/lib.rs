//! The customers' view of their bookings: state, points, and history. The view is built from events alone.
//!
//! # Layout
//!
//! In the order in which an event passes them on its way to the customer:
//!
//! - [`config`]: the settings, from the command line and the environment.
//! - [`boot`]: starts the process, serves, and stops it.
//! - [`consumers`]: events of the other services, the only source of the view.
//! - [`app`]: applies events to the view, and rebuilds it.
//! - [`domain`]: the effect of each event on the view, in any order, without clock, database or network.
//! - [`store`]: the view in SQL.
//! - [`http`]: requests of customers, which only read.
//! - [`rebuild`]: `--rebuild`, which rebuilds the view from the first event on.

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
pub mod rebuild;
pub mod store;

/// The service's name: its consumer group.
pub const SERVICE: &str = "mypage";

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

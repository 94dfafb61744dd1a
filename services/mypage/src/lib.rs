//! What customers see of their bookings: state, points, and how it came to be. A view, kept by events alone.
//!
//! # Layout
//!
//! In the order an event meets them on its way to a customer's eyes:
//!
//! - [`config`]: what the environment may say.
//! - [`boot`]: from there to a process that serves, and back to nothing.
//! - [`consumers`]: door 2, events of the other services. All that is written here comes from there.
//! - [`app`]: remembering events, reading what came of it, and making it anew.
//! - [`domain`]: what an event changes, whatever came before it. No clock, no database, no network.
//! - [`store`]: the view in SQL.
//! - [`http`]: door 1, customers. They only look.
//! - [`rebuild`]: `--rebuild`, the view anew from the first event on.

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

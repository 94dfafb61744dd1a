//! Bookings: from the customer's order through payment to the ticket, and back when one is canceled.
//!
//! # Layout
//!
//! In the order in which a booking passes them:
//!
//! - [`config`]: the settings, from the command line and the environment.
//! - [`boot`]: starts the process, serves, and stops it.
//! - [`upgrade`]: adds the keys by which names are compared to rows of earlier versions.
//! - [`demo_data`]: a program of screenings to try the fleet with.
//! - [`http`]: requests of customers and staff.
//! - [`booking_protocol`]: one booking from its request to its outcome.
//! - [`waiting`]: requests that wait for a change of one booking.
//! - [`consumers`]: events of the other services.
//! - [`reconciler`]: expires holds, and inquires about payments without an outcome.
//! - [`occupancy`]: measures how full the coming screenings are.
//! - [`app`]: one file per use case, for requests, events and the reconciler.
//! - [`domain`]: what a booking is, and its transitions. No clock, no database, no network.
//! - [`store`]: bookings, places and the program in SQL.
//! - [`clients`]: calls to the payment service.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http_api::staff::Staff;
use http_server::api;
use http_server::health::Health;
use http_server::request_span;
use messaging::Waiters;
use storage::Db;
use tokio::sync::Notify;

use crate::app::Rules;
use crate::clients::Payments;
use crate::config::Config;

pub mod app;
pub mod booking_protocol;
pub mod boot;
pub mod clients;
pub mod config;
pub mod consumers;
pub mod demo_data;
pub mod domain;
pub mod http;
pub mod occupancy;
pub mod reconciler;
pub mod store;
pub mod upgrade;
pub mod waiting;

/// The service's name: its consumer group, and the source of its events.
pub const SERVICE: &str = "book";

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
    pub payments: Payments,
    /// The cinema, recorded in every booking.
    pub cinema: String,
    pub rules: Rules,
    pub staff: Staff,
    /// Wakes the reconciler when a booking is left pending.
    pub left_pending: Arc<Notify>,
    /// How long a request to cancel waits for the cancellation to finish.
    pub cancel_wait: Duration,
    /// Requests that wait for a change of one booking.
    pub waiters: Waiters,
    /// How often they poll it, as another replica may change it.
    pub poll_every: Duration,
}

/// All routes of the service.
pub fn router(state: AppState, health: Health) -> Router {
    let (routes, description) = http::routes().split_for_parts();
    api::wrap_with_limits(
        routes.with_state(state),
        description,
        health,
        request_span!(booking_id),
        http::body_limit,
    )
}

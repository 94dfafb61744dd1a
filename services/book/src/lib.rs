//! Bookings: from the customer's wish through payment to the ticket, and back when it is canceled.
//!
//! # Layout
//!
//! In the order a booking meets them:
//!
//! - [`config`]: what the environment may say.
//! - [`boot`]: from there to a process that serves, and back to nothing.
//! - [`upgrade`]: rows of the version before get the keys by which names are compared.
//! - [`demo_data`]: a programme to try the fleet with.
//! - [`http`]: door 1, customers and staff.
//! - [`booking_protocol`]: one booking from its request to its outcome.
//! - [`waiting`]: requests that wait for a change of one booking.
//! - [`consumers`]: door 2, events of the other services.
//! - [`reconciler`]: ends the holds whose time is over, and asks about payments without an answer.
//! - [`app`]: one file a use case; both doors and the reconciler lead here.
//! - [`domain`]: what a booking is and which way it may go. No clock, no database, no network.
//! - [`store`]: bookings, places and the programme in SQL.
//! - [`clients`]: the payment service.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use messaging::Waiters;
use service_kit::health::Health;
use service_kit::staff::Staff;
use service_kit::{api, process, request_span};
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
pub mod reconciler;
pub mod store;
pub mod upgrade;
pub mod waiting;

/// The service's name: its consumer group, and the source of its events.
pub const SERVICE: &str = "book";

/// The service's own tables.
pub static MIGRATIONS: storage::Migrations = storage::migrations!();

/// Runs the service until it is asked to stop.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    process::run(args, |config: &Config| &config.server, boot::run)
}

/// What every request may use.
#[derive(Clone, Debug)]
pub struct AppState {
    pub db: Db,
    pub payments: Payments,
    /// The cinema that is stamped into every booking.
    pub cinema: String,
    pub rules: Rules,
    pub staff: Staff,
    /// Wakes the reconciler: a booking was left pending.
    pub left_pending: Arc<Notify>,
    /// How long a cancel waits for its end.
    pub cancel_wait: Duration,
    /// Requests that wait for a change of one booking.
    pub waiters: Waiters,
    /// How often they read it all the same: another replica may have changed it.
    pub look_every: Duration,
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

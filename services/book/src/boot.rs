//! Starts the process, serves, and stops it.

use std::sync::Arc;
use std::time::Duration;

use messaging::{Consumer, Relay, retention};
use process::{Background, StartError};
use service::connections;
use tokio_util::sync::CancellationToken;

use crate::clients::Payments;
use crate::config::Config;
use crate::consumers::BookingEvents;
use crate::reconciler::Reconciler;
use crate::store::request_keys::PRUNED;
use crate::{AppState, MIGRATIONS, SERVICE, demo_data, occupancy, router, upgrade};

/// How often a request that waits for a change of a booking polls it, as another replica may make that
/// change. 512 waiting requests cause at most 2,000 reads a second.
const POLL_EVERY: Duration = Duration::from_millis(250);

/// Runs until `stop`.
///
/// # Errors
///
/// When a backend is unreachable or the port is taken.
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), StartError> {
    config
        .staff
        .check_length(config.server.host)
        .map_err(|short| StartError::Configuration(short.to_string()))?;
    // Opens the event log and the database, which is migrated to this version's schema.
    let (db, transport) = config.backends.open(&MIGRATIONS).await?;
    upgrade::run(&db).await?;
    if config.demo_data {
        demo_data::announce(&db, &config.rules()).await?;
    }
    // Binds the ports before anything is consumed, so that a taken port ends the start.
    let listener = http_server::bind(&config.server, config.port).await?;
    // Creates the state that requests and events share.
    let consumer = Consumer::new(SERVICE, db.clone(), transport.clone(), BookingEvents);
    let rules = config.rules();
    let state = AppState {
        db: db.clone(),
        payments: Payments::new(config.payment),
        cinema: config.cinema,
        rules,
        staff: config.staff,
        left_pending: Arc::default(),
        cancel_wait: Duration::from_millis(config.cancel_wait_ms),
        waiters: consumer.waiters(),
        poll_every: POLL_EVERY,
    };
    // Publishes this service's events, and consumes those of the others.
    let relay = Relay::new(db.clone(), transport.clone());
    let relay = Background::spawn("relay", |stop| relay.run(stop));
    let consumer = Background::spawn("consumer", |stop| consumer.run(stop));
    let retention = Background::spawn("retention", |stop| retention::run(db.clone(), &PRUNED, stop));
    let connections = Background::spawn("connections", |stop| connections::keep_measuring(db.clone(), stop));
    let occupancy = Background::spawn("occupancy", |stop| occupancy::run(db.clone(), stop));
    // Processes bookings that were left pending, by this process or an earlier one.
    let reconciler = Reconciler::new(state.clone());
    let reconciler = Background::spawn("reconciler", |stop| reconciler.run(stop));
    // Serves requests until `stop`; running requests finish.
    let log = transport.clone();
    let health = service::health::of(&db).showing("eventLog", move || log.check());
    let payments = state.payments.upstream().clone();
    let health = health.showing_state(payments.name(), move || payments.component());
    http_server::serve(listener, router(state, health.clone()), health, &config.server, stop).await;
    // No new work begins; then the relay publishes the last events.
    reconciler.stop().await;
    consumer.stop().await;
    retention.stop().await;
    connections.stop().await;
    occupancy.stop().await;
    relay.stop().await;
    // The embedded databases move their write-ahead logs into their files.
    transport.close().await;
    db.close().await;
    Ok(())
}

//! Starts the process, serves, and stops it.

use messaging::{Consumer, Relay, retention};
use process::{Background, StartError};
use service::connections;
use tokio_util::sync::CancellationToken;

use crate::clients::Points;
use crate::config::Config;
use crate::consumers::TicketEvents;
use crate::reconciler::Reconciler;
use crate::{AppState, MIGRATIONS, SERVICE, router};

/// Runs until `stop`.
///
/// # Errors
///
/// When a backend is unreachable or the port is taken.
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), StartError> {
    // Opens the event log and the database, which is migrated to this version's schema.
    let (db, transport) = config.backends.open(&MIGRATIONS).await?;
    // Binds the ports before anything is consumed, so that a taken port ends the start.
    let listener = http_server::bind(&config.server, config.port).await?;
    // Creates the state that requests, events and the reconciler share.
    let state = AppState { db: db.clone(), points: Points::new(config.point) };
    let consumer = Consumer::new(SERVICE, db.clone(), transport.clone(), TicketEvents);
    let reconciler = Reconciler::new(state.clone(), state.points.upstream().deadline());
    // Publishes this service's events, and consumes those of the others.
    let relay = Relay::new(db.clone(), transport.clone());
    let relay = Background::spawn("relay", |stop| relay.run(stop));
    let consumer = Background::spawn("consumer", |stop| consumer.run(stop));
    let retention = Background::spawn("retention", |stop| retention::run(db.clone(), &[], stop));
    let connections = Background::spawn("connections", |stop| connections::keep_measuring(db.clone(), stop));
    // Finishes collections that an earlier process interrupted, or that this one will.
    let reconciler = Background::spawn("reconciler", |stop| reconciler.run(stop));
    // Serves requests until `stop`; running requests finish.
    let log = transport.clone();
    let health = service::health::of(&db).showing("eventLog", move || log.check());
    let points = state.points.upstream().clone();
    let health = health.showing_state(points.name(), move || points.component());
    http_server::serve(listener, router(state, health.clone()), health, &config.server, stop).await;
    // No new work begins; then the relay publishes the last events.
    reconciler.stop().await;
    consumer.stop().await;
    retention.stop().await;
    connections.stop().await;
    relay.stop().await;
    // The embedded databases move their write-ahead logs into their files.
    transport.close().await;
    db.close().await;
    Ok(())
}

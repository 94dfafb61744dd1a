//! Starts the process, serves, and stops it.

use std::time::Duration;

use messaging::{Consumer, Relay, retention};
use process::{Background, StartError};
use service::connections;
use tokio_util::sync::CancellationToken;

use crate::clients::{Processor, settings};
use crate::config::Config;
use crate::consumers::PaymentEvents;
use crate::refunder::Refunder;
use crate::store::request_keys::PRUNED;
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
    // Creates the state that requests and the refunder share.
    let settings = settings(config.processor_url, Duration::from_millis(config.processor_deadline_ms));
    let state = AppState { db: db.clone(), processor: Processor::new(settings, config.fleet_id) };
    // Publishes this service's events, consumes those of the others, and cancels at the provider.
    let consumer = Consumer::new(SERVICE, db.clone(), transport.clone(), PaymentEvents);
    let relay = Relay::new(db.clone(), transport.clone());
    let refunder = Refunder::new(state.clone());
    let applied = consumer.applied();
    let refunder = Background::spawn("refunder", |stop| refunder.run(applied, stop));
    let relay = Background::spawn("relay", |stop| relay.run(stop));
    let consumer = Background::spawn("consumer", |stop| consumer.run(stop));
    let retention = Background::spawn("retention", |stop| retention::run(db.clone(), &PRUNED, stop));
    let connections = Background::spawn("connections", |stop| connections::keep_measuring(db.clone(), stop));
    // Serves requests until `stop`; running requests finish.
    let log = transport.clone();
    let health = service::health::of(&db).showing("eventLog", move || log.check());
    let processor = state.processor.upstream().clone();
    let health = health.showing_state(processor.name(), move || processor.component());
    http_server::serve(listener, router(state, health.clone()), health, &config.server, stop).await;
    // No new work begins; then the relay publishes the last events.
    consumer.stop().await;
    refunder.stop().await;
    retention.stop().await;
    connections.stop().await;
    relay.stop().await;
    // The embedded databases move their write-ahead logs into their files.
    transport.close().await;
    db.close().await;
    Ok(())
}

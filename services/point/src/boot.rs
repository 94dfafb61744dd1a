//! From a configuration to a process that serves, and back to nothing.

use messaging::{Consumer, Relay, retention};
use process::{Background, StartError};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::consumers::PointEvents;
use crate::{AppState, MIGRATIONS, SERVICE, router};

/// Runs until `stop`.
///
/// # Errors
///
/// When a backend is not there or the port is taken.
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), StartError> {
    // The database, at this version's schema, and the event log.
    let (db, transport) = config.backends.open(&MIGRATIONS).await?;
    // The ports: when one is taken, nothing has been consumed yet.
    let listener = http_server::bind(&config.server, config.port).await?;
    // The way out and door 2: our events to the log, and the others' events from it.
    let consumer = Consumer::new(SERVICE, db.clone(), transport.clone(), PointEvents);
    let relay = Relay::new(db.clone(), transport.clone());
    let relay = Background::spawn("relay", |stop| relay.run(stop));
    let consumer = Background::spawn("consumer", |stop| consumer.run(stop));
    let retention = Background::spawn("retention", |stop| retention::run(db.clone(), &[], stop));
    // Door 1, until asked to stop; running requests finish.
    let log = transport.clone();
    let health = service::health::of(&db).showing("eventLog", move || log.check());
    let router = router(AppState { db: db.clone() }, health.clone());
    http_server::serve(listener, router, health, &config.server, stop).await;
    // No more events in, between two batches; then the last ones out.
    consumer.stop().await;
    retention.stop().await;
    relay.stop().await;
    // Everything is in the files themselves.
    transport.close().await;
    db.close().await;
    Ok(())
}

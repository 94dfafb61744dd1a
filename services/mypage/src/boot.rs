//! Starts the process, serves or rebuilds the view, and stops it.

use messaging::{Consumer, retention};
use process::{Background, StartError};
use service::connections;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::consumers::BookingStory;
use crate::{AppState, MIGRATIONS, SERVICE, rebuild, router};

/// Runs until `stop`, or until the rebuild has ended.
///
/// # Errors
///
/// When a backend is unreachable or the port is taken, or a rebuild fails.
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), StartError> {
    // Opens the event log and the database, which is migrated to this version's schema.
    let (db, transport) = config.backends.open(&MIGRATIONS).await?;
    if config.rebuild {
        let rebuilt = rebuild::run(&db, transport.as_ref(), &stop).await;
        transport.close().await;
        db.close().await;
        return rebuilt.map(drop).map_err(|error| StartError::not_done("the view was not rebuilt", error));
    }
    // Binds the ports before anything is consumed, so that a taken port ends the start.
    let listener = http_server::bind(&config.server, config.port).await?;
    // Creates the state that all requests share.
    let state = AppState { db: db.clone() };
    // Consumes the events of the other services. There is no relay: mypage publishes nothing, and its outbox
    // stays empty.
    let consumer = Consumer::new(SERVICE, db.clone(), transport.clone(), BookingStory);
    let consumer = Background::spawn("consumer", |stop| consumer.run(stop));
    let retention = Background::spawn("retention", |stop| retention::run(db.clone(), &[], stop));
    let connections = Background::spawn("connections", |stop| connections::keep_measuring(db.clone(), stop));
    // Serves requests until `stop`; running requests finish.
    let log = transport.clone();
    let health = service::health::of(&db).showing("eventLog", move || log.check());
    http_server::serve(listener, router(state, health.clone()), health, &config.server, stop).await;
    // The consumer stops between two batches.
    consumer.stop().await;
    retention.stop().await;
    connections.stop().await;
    // The embedded databases move their write-ahead logs into their files.
    transport.close().await;
    db.close().await;
    Ok(())
}

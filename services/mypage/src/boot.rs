//! From a configuration to a process that serves, or makes the view anew, and back to nothing.

use messaging::{Consumer, retention};
use process::{Background, StartError};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::consumers::BookingStory;
use crate::{AppState, MIGRATIONS, SERVICE, rebuild, router};

/// Runs until `stop`; a rebuild ends by itself.
///
/// # Errors
///
/// When a backend is not there or the port is taken, or a rebuild does not get to its end.
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), StartError> {
    // The database, at this version's schema, and the event log.
    let (db, transport) = config.backends.open(&MIGRATIONS).await?;
    if config.rebuild {
        let rebuilt = rebuild::run(&db, transport.as_ref(), &stop).await;
        transport.close().await;
        db.close().await;
        return rebuilt.map(drop).map_err(|error| StartError::not_done("the view was not rebuilt", error));
    }
    // The ports: when one is taken, nothing has been consumed yet.
    let listener = http_server::bind(&config.server, config.port).await?;
    // What the doors share.
    let state = AppState { db: db.clone() };
    // Door 2: the others' events from the log. There is no way out and no relay: a view has nothing to tell, and its
    // outbox stays empty.
    let consumer = Consumer::new(SERVICE, db.clone(), transport.clone(), BookingStory);
    let consumer = Background::spawn("consumer", |stop| consumer.run(stop));
    let retention = Background::spawn("retention", |stop| retention::run(db.clone(), &[], stop));
    // Door 1, until asked to stop; running requests finish.
    let log = transport.clone();
    let health = service::health::of(&db).showing("eventLog", move || log.check());
    http_server::serve(listener, router(state, health.clone()), health, &config.server, stop).await;
    // No more events in, between two batches.
    consumer.stop().await;
    retention.stop().await;
    // Everything is in the files themselves.
    transport.close().await;
    db.close().await;
    Ok(())
}

//! From a configuration to a process that serves, and back to nothing.

use std::time::Duration;

use messaging::{Consumer, retention};
use service_kit::health::Health;
use service_kit::process::{self, Background, StartError};
use service_kit::request_log::chain;
use storage::Db;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::consumers::BookingStory;
use crate::{AppState, MIGRATIONS, SERVICE, router};

const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// Runs until `stop`.
///
/// # Errors
///
/// When a backend is not there or the port is taken.
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), StartError> {
    // The database, at this version's schema, and the event log.
    let (db, transport) = config.backends.open(&MIGRATIONS).await?;
    // The port: when it is taken, nothing has been consumed yet.
    let listener = process::bind(config.server.address(config.port)).await?;
    // What the doors share.
    let state = AppState { db: db.clone() };
    // Door 2: the others' events from the log. There is no way out and no relay: a view has nothing to tell, and its
    // outbox stays empty. What a relay does besides, forgetting old events, is done here.
    let consumer = Consumer::new(SERVICE, db.clone(), transport, BookingStory);
    let consumer = Background::spawn("consumer", |stop| consumer.run(stop));
    let retention = Background::spawn("retention", |stop| prune(db.clone(), stop));
    // Door 1, until asked to stop; running requests finish.
    let health = Health::of(&db);
    process::serve(
        listener,
        router(state, health.clone()),
        health,
        &config.server,
        stop,
    )
    .await;
    // No more events in, between two batches.
    consumer.stop().await;
    retention.stop().await;
    Ok(())
}

/// Keeps the inbox from growing without end, until `stop`.
async fn prune(db: Db, stop: CancellationToken) {
    let mut timer = interval(PRUNE_EVERY);
    loop {
        tokio::select! { _ = timer.tick() => {}, () = stop.cancelled() => return }
        if let Err(error) = retention::prune(&db).await {
            tracing::warn!(cause = chain(&error), "old events were not pruned");
        }
    }
}

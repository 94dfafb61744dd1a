//! From a configuration to a process that serves, and back to nothing.

use std::sync::Arc;
use std::time::Duration;

use messaging::{Consumer, Relay, retention};
use service_kit::process::{self, Background, StartError};
use tokio_util::sync::CancellationToken;

use crate::clients::Payments;
use crate::config::Config;
use crate::consumers::BookingEvents;
use crate::reconciler::Reconciler;
use crate::store::request_keys::PRUNED;
use crate::{AppState, MIGRATIONS, SERVICE, demo_data, router, upgrade};

/// How often a request that waits for a change of a booking reads it, as another replica may have made that change. With 512
/// requests that wait, these are 2,000 reads a second at most.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Runs until `stop`.
///
/// # Errors
///
/// When a backend is not there or the port is taken.
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), StartError> {
    config
        .staff
        .check_length(config.server.host)
        .map_err(|short| StartError::Configuration(short.to_string()))?;
    // The database, at this version's schema, and the event log.
    let (db, transport) = config.backends.open(&MIGRATIONS).await?;
    upgrade::run(&db).await?;
    if config.demo_data {
        demo_data::announce(&db, &config.rules()).await?;
    }
    // The ports: when one is taken, nothing has been consumed yet.
    let listener = process::bind(&config.server, config.port).await?;
    // What the doors share.
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
        look_every: LOOK_EVERY,
    };
    // The way out and door 2: our events to the log, and the others' events from it.
    let relay = Relay::new(db.clone(), transport.clone());
    let relay = Background::spawn("relay", |stop| relay.run(stop));
    let consumer = Background::spawn("consumer", |stop| consumer.run(stop));
    let retention = Background::spawn("retention", |stop| retention::run(db.clone(), &PRUNED, stop));
    // What was left pending, by an earlier process or by this one.
    let reconciler = Reconciler::new(state.clone());
    let reconciler = Background::spawn("reconciler", |stop| reconciler.run(stop));
    // Door 1, until asked to stop; running requests finish.
    let health = messaging::health(&db, transport.clone());
    let payments = state.payments.upstream().clone();
    let health = health.showing_state(payments.name(), move || payments.component());
    process::serve(listener, router(state, health.clone()), health, &config.server, stop).await;
    // Nothing new begins, between two batches; then the last events go out.
    reconciler.stop().await;
    consumer.stop().await;
    retention.stop().await;
    relay.stop().await;
    // Everything is in the files themselves.
    transport.close().await;
    db.close().await;
    Ok(())
}

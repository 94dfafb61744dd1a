//! Readiness of a service with a database.

use std::time::Duration;

use http_server::health::{Health, State};
use storage::Db;
use telemetry::chain;

/// Maximum duration of a readiness check; a longer one counts as failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Returns the health of a service that is ready while `db` responds.
pub fn of(db: &Db) -> Health {
    let db = db.clone();
    Health::depending_on("db", move || {
        let db = db.clone();
        Box::pin(async move { state(&db).await })
    })
}

/// A database that responds but refuses writes is degraded. The process stays ready then: all replicas share
/// the database, reads still work, and writes get 503.
async fn state(db: &Db) -> State {
    match tokio::time::timeout(CHECK_TIMEOUT, db.refusal()).await {
        Ok(Ok(None)) => State::Up,
        Ok(Ok(Some(refusal))) => State::Degraded(refusal),
        Ok(Err(error)) => State::Down(chain(&error)),
        Err(_) => State::Down(format!("the database did not respond within {} s", CHECK_TIMEOUT.as_secs())),
    }
}

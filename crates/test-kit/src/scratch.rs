//! A database and an event log of a test's own, gone when the test ends.

use std::sync::Arc;

use messaging::{Backends, Transport};
use storage::{Db, Migrations};
use tempfile::TempDir;

/// Keeps the files until it is dropped.
#[derive(Debug)]
pub struct Scratch {
    pub db: Db,
    pub transport: Arc<dyn Transport>,
    pub backends: Backends,
    _directory: TempDir,
}

impl Scratch {
    /// With the schema of `migrations`, outbox and inbox included.
    pub async fn new(migrations: &Migrations) -> Self {
        let directory = TempDir::new().unwrap();
        let url = |name: &str| format!("sqlite://{}/{name}.db", directory.path().display());
        let backends = Backends {
            database_url: url("service").parse().unwrap(),
            events_url: url("events").parse().unwrap(),
        };
        let (db, transport) = backends.open(migrations).await.unwrap();
        Self { db, transport, backends, _directory: directory }
    }
}

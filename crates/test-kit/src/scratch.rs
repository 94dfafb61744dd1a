//! A database and an event log of a test's own.
//!
//! SQLite and the embedded log, gone when the test ends; or, when the environment says so, on real servers, under names of
//! their own: `TEST_DATABASE=postgres` (a server at `TEST_POSTGRES_URL`) and `TEST_EVENTS=kafka` (one at `TEST_KAFKA_URL`).

use std::sync::Arc;

use messaging::{Backends, Transport};
use sqlx::migrate::MigrateDatabase;
use storage::{DatabaseUrl, Db, Migrations};
use tempfile::TempDir;
use uuid::Uuid;

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
        let backends = Backends {
            database_url: database_url(&directory).await,
            events_url: events_url(&directory).parse().unwrap(),
        };
        let (db, transport) = backends.open(migrations).await.unwrap();
        Self { db, transport, backends, _directory: directory }
    }
}

/// A database that nobody else uses.
pub async fn database_url(directory: &TempDir) -> DatabaseUrl {
    if !is_chosen("TEST_DATABASE", "postgres") {
        return file_url(directory, "service").parse().unwrap();
    }
    let server = server("TEST_POSTGRES_URL");
    let (server, _) = server.rsplit_once('/').unwrap();
    let url = format!("{server}/test_{}", Uuid::now_v7().simple());
    sqlx::any::install_default_drivers();
    sqlx::Any::create_database(&url).await.unwrap();
    url.parse().unwrap()
}

/// An event log that nobody else uses.
pub fn events_url(directory: &TempDir) -> String {
    if !is_chosen("TEST_EVENTS", "kafka") {
        return file_url(directory, "events");
    }
    let server = server("TEST_KAFKA_URL");
    let (server, _) = server.rsplit_once('/').unwrap();
    format!("{server}/test-{}", Uuid::now_v7().simple())
}

fn file_url(directory: &TempDir, name: &str) -> String {
    format!("sqlite://{}/{name}.db", directory.path().display())
}

/// Whether `variable` asks for `product`; what it asks for must be known.
fn is_chosen(variable: &str, product: &str) -> bool {
    match std::env::var(variable) {
        Ok(chosen) if chosen == product => true,
        Ok(chosen) => panic!("{variable} is {chosen}; it can be {product}, or be left out"),
        Err(_) => false,
    }
}

fn server(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} must lead to a server: see .ci/backends"))
}

//! A database and an event log of a test's own.
//!
//! SQLite and the embedded log, gone when the test ends; or, when the environment says so, on real servers, under names of
//! their own: `TEST_DATABASE=postgres` (a server at `TEST_POSTGRES_URL`) and `TEST_EVENTS=kafka` (one at `TEST_KAFKA_URL`).

use std::sync::Arc;

use messaging::{Backends, Transport};
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
            events: events_url(&directory).parse().unwrap(),
        };
        let (db, transport) = backends.open(migrations).await.unwrap();
        Self { db, transport, backends, _directory: directory }
    }
}

/// A database that nobody else uses.
pub async fn database_url(directory: &TempDir) -> DatabaseUrl {
    let prefix = database_url_prefix().unwrap_or_else(|| file_url(directory, ""));
    let url = format!("{prefix}service").parse().unwrap();
    Db::create_if_missing(&url).await.unwrap();
    url
}

/// An event log that nobody else uses.
pub fn events_url(directory: &TempDir) -> String {
    server_events_url().unwrap_or_else(|| file_url(directory, "events.db"))
}

/// What stands before the names of databases that nobody else uses, if they are to be on a server.
pub fn database_url_prefix() -> Option<String> {
    let prefix = || format!("{}/test_{}_", server("TEST_POSTGRES_URL"), Uuid::now_v7().simple());
    is_chosen("TEST_DATABASE", "postgres").then(prefix)
}

/// A topic that nobody else uses, if the event log is to be on a server.
pub fn server_events_url() -> Option<String> {
    let topic = || format!("{}/test-{}", server("TEST_KAFKA_URL"), Uuid::now_v7().simple());
    is_chosen("TEST_EVENTS", "kafka").then(topic)
}

fn file_url(directory: &TempDir, name: &str) -> String {
    format!("sqlite://{}/{name}", directory.path().display())
}

/// Whether `variable` asks for `product`; what it asks for must be known.
fn is_chosen(variable: &str, product: &str) -> bool {
    match std::env::var(variable) {
        Ok(chosen) if chosen == product => true,
        Ok(chosen) => panic!("{variable} is {chosen}; it can be {product}, or be left out"),
        Err(_) => false,
    }
}

/// `<scheme>://<host>`, without what is behind the last slash.
fn server(variable: &str) -> String {
    let url = std::env::var(variable);
    let url = url.unwrap_or_else(|_| panic!("{variable} must lead to a server: see .ci/backends"));
    url.rsplit_once('/').unwrap().0.to_owned()
}

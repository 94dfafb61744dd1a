//! A database and an event log of a test's own.
//!
//! SQLite and the embedded log, gone when the test ends; or, when the environment says so, on real servers, under names of
//! their own: `TEST_DATABASE=postgres` (a server at `TEST_POSTGRES_URL`) and `TEST_EVENTS=kafka` (one at `TEST_KAFKA_URL`).
//! With `TEST_DATABASE=mixed` only [`ON_POSTGRES`] is on PostgreSQL, and the others are on SQLite.

use std::sync::Arc;

use event_log::Transport;
use messaging::{Backends, EventLog};
use storage::{DatabaseUrl, Db, Migrations};
use tempfile::TempDir;
use uuid::Uuid;

/// The one service that is on PostgreSQL in a mixed fleet.
pub const ON_POSTGRES: &str = "book";
/// As many as two replicas can share, and no more: each is a directory that the broker has to make.
pub const KAFKA_PARTITIONS: u16 = 3;

/// Files in memory, on Linux.
const MEMORY: &str = "/dev/shm";

/// Keeps the files until it is dropped.
#[derive(Debug)]
pub struct Scratch {
    pub db: Db,
    pub transport: Arc<dyn Transport>,
    pub backends: Backends,
    _directory: TempDir,
}

impl Scratch {
    /// Of the service `name`, with the schema of `migrations`, outbox and inbox included.
    pub async fn new(name: &str, migrations: &Migrations) -> Self {
        Self::in_directory(name, migrations, TempDir::new().unwrap()).await
    }

    /// The same for a test of very many commits: its files are in memory where the system has a directory for that, so that
    /// no commit waits for a disk.
    pub async fn in_memory(name: &str, migrations: &Migrations) -> Self {
        let directory = TempDir::new_in(MEMORY).or_else(|_| TempDir::new()).unwrap();
        Self::in_directory(name, migrations, directory).await
    }

    async fn in_directory(name: &str, migrations: &Migrations, directory: TempDir) -> Self {
        let mut events: EventLog = events_url(&directory).parse().unwrap();
        events.kafka_partitions = KAFKA_PARTITIONS;
        let database_url = database_url(name, &directory).await;
        let backends = Backends { database_url, database_wait_ms: 0, events };
        let (db, transport) = backends.open(migrations).await.unwrap();
        Self { db, transport, backends, _directory: directory }
    }
}

/// Does `work`, and returns what it returned and how many statements `db` sent for it.
pub async fn statements_of<T>(db: &Db, work: impl Future<Output = T>) -> (T, u64) {
    let before = db.statements();
    let done = work.await;
    (done, db.statements() - before)
}

/// A database for the service `name` that nobody else uses.
pub async fn database_url(name: &str, directory: &TempDir) -> DatabaseUrl {
    let prefix = match databases() {
        Databases::Postgres(prefix) => prefix,
        Databases::Mixed(prefix) if name == ON_POSTGRES => prefix,
        Databases::Files | Databases::Mixed(_) => file_url(directory, ""),
    };
    let url = format!("{prefix}{name}").parse().unwrap();
    Db::create_if_missing(&url).await.unwrap();
    url
}

/// An event log that nobody else uses.
pub fn events_url(directory: &TempDir) -> String {
    server_events_url().unwrap_or_else(|| file_url(directory, "events.db"))
}

/// Where the databases are to be. On a server their names begin with something that nobody else uses, which is the end of
/// the prefix.
pub enum Databases {
    Files,
    Postgres(String),
    Mixed(String),
}

/// What `TEST_DATABASE` asks for.
pub fn databases() -> Databases {
    let prefix = || format!("{}/test_{}_", server("TEST_POSTGRES_URL"), Uuid::now_v7().simple());
    match chosen("TEST_DATABASE", &["postgres", "mixed"]).as_deref() {
        None => Databases::Files,
        Some("mixed") => Databases::Mixed(prefix()),
        Some(_) => Databases::Postgres(prefix()),
    }
}

/// A topic that nobody else uses, if `TEST_EVENTS` asks for the event log to be on a server.
pub fn server_events_url() -> Option<String> {
    let topic = |_| format!("{}/test-{}", server("TEST_KAFKA_URL"), Uuid::now_v7().simple());
    chosen("TEST_EVENTS", &["kafka"]).map(topic)
}

/// Whether the test is to be left out, as its servers are not chosen. In the gate, which chooses them, that is a failure.
pub fn is_left_out(variables: &[&str]) -> bool {
    let missing: Vec<_> = variables.iter().filter(|variable| std::env::var_os(variable).is_none()).collect();
    if missing.is_empty() {
        return false;
    }
    assert!(std::env::var_os("MARQUEE_TEST_BACKENDS").is_none(), "{missing:?} must be set: see .ci/backends");
    println!("left out: {missing:?} are not set (see .ci/backends)");
    true
}

fn file_url(directory: &TempDir, name: &str) -> String {
    format!("sqlite://{}/{name}", directory.path().display())
}

/// What `variable` asks for, which must be one of `known`.
fn chosen(variable: &str, known: &[&str]) -> Option<String> {
    let product = std::env::var(variable).ok()?;
    assert!(
        known.contains(&product.as_str()),
        "{variable} is {product}; it can be one of {known:?}, or be left out"
    );
    Some(product)
}

/// `<scheme>://<host>`, without what is behind the last slash.
fn server(variable: &str) -> String {
    let url = std::env::var(variable);
    let url = url.unwrap_or_else(|_| panic!("{variable} must lead to a server: see .ci/backends"));
    url.rsplit_once('/').unwrap().0.to_owned()
}

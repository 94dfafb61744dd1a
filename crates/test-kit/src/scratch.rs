//! Creates a database and an event log for one test.
//!
//! By default, they are an SQLite file and the embedded log, which are removed when the test ends. With
//! `TEST_DATABASE=postgres` and `TEST_EVENTS=kafka`, they have new names on the servers at
//! `TEST_POSTGRES_URL` and `TEST_KAFKA_URL`. With `TEST_DATABASE=mixed`, only [`ON_POSTGRES`] is on
//! PostgreSQL, and the others are on SQLite.
//!
//! A test moves the time of its database with [`Scratch::clock`]: after `scratch.clock.advance(hold)`, holds
//! of that length have expired.

use std::sync::Arc;

use event_log::Transport;
use messaging::{Backends, EventLog};
use storage::{Clock, DatabaseUrl, Db, Migrations};
use tempfile::TempDir;
use uuid::Uuid;

/// The only service on PostgreSQL in a mixed fleet.
pub const ON_POSTGRES: &str = "book";
/// Enough for two replicas to share. Few, because the broker creates a directory for each.
pub const KAFKA_PARTITIONS: u16 = 3;

/// A server on a busy machine may take longer to accept a connection than one attempt.
const DATABASE_WAIT_MS: u64 = 30_000;

/// A directory in memory, on Linux.
const MEMORY: &str = "/dev/shm";

/// A database and an event log. Their files are removed when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    pub db: Db,
    /// The clock of `db` and its clones.
    pub clock: Clock,
    pub transport: Arc<dyn Transport>,
    pub backends: Backends,
    _directory: TempDir,
}

impl Scratch {
    /// Creates those of the service `name`, with the schema of `migrations`, including outbox and inbox.
    pub async fn new(name: &str, migrations: &Migrations) -> Self {
        Self::in_directory(name, migrations, TempDir::new().unwrap()).await
    }

    /// Like [`new`](Self::new), for tests with very many commits. The files are in memory if the system has a
    /// directory for that, so that no commit waits for a disk.
    pub async fn in_memory(name: &str, migrations: &Migrations) -> Self {
        let directory = TempDir::new_in(MEMORY).or_else(|_| TempDir::new()).unwrap();
        Self::in_directory(name, migrations, directory).await
    }

    async fn in_directory(name: &str, migrations: &Migrations, directory: TempDir) -> Self {
        let mut events: EventLog = events_url(&directory).parse().unwrap();
        events.kafka_partitions = KAFKA_PARTITIONS;
        let database_url = database_url(name, &directory).await;
        let backends = Backends { database_url, database_wait_ms: DATABASE_WAIT_MS, events };
        let (db, transport) = backends.open(migrations).await.unwrap();
        let clock = Clock::movable();
        Self { db: db.with_clock(clock.clone()), clock, transport, backends, _directory: directory }
    }
}

/// Runs `work`, and returns its result and the number of statements that `db` sent meanwhile.
pub async fn statements_of<T>(db: &Db, work: impl Future<Output = T>) -> (T, u64) {
    let before = db.statements();
    let done = work.await;
    (done, db.statements() - before)
}

/// Creates a new database for the service `name`, and returns its URL.
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

/// Returns the URL of a new event log.
pub fn events_url(directory: &TempDir) -> String {
    server_events_url().unwrap_or_else(|| file_url(directory, "events.db"))
}

/// Where the databases are created. On a server, the URL prefix ends with a unique beginning of their names.
pub enum Databases {
    Files,
    Postgres(String),
    Mixed(String),
}

/// Returns the choice of `TEST_DATABASE`.
pub fn databases() -> Databases {
    let prefix = || format!("{}/test_{}_", server("TEST_POSTGRES_URL"), Uuid::now_v7().simple());
    match chosen("TEST_DATABASE", &["postgres", "mixed"]).as_deref() {
        None => Databases::Files,
        Some("mixed") => Databases::Mixed(prefix()),
        Some(_) => Databases::Postgres(prefix()),
    }
}

/// Returns the URL of a new topic, if `TEST_EVENTS` selects a server.
pub fn server_events_url() -> Option<String> {
    let topic = |_| format!("{}/test-{}", server("TEST_KAFKA_URL"), Uuid::now_v7().simple());
    chosen("TEST_EVENTS", &["kafka"]).map(topic)
}

/// Whether a test must be skipped because its servers are not selected. Panics in the gate, which selects
/// them.
pub fn is_left_out(variables: &[&str]) -> bool {
    let missing: Vec<_> = variables.iter().filter(|variable| std::env::var_os(variable).is_none()).collect();
    if missing.is_empty() {
        return false;
    }
    assert!(std::env::var_os("MARQUEE_TEST_BACKENDS").is_none(), "{missing:?} must be set: see .ci/backends");
    println!("skipped: {missing:?} are not set (see .ci/backends)");
    true
}

fn file_url(directory: &TempDir, name: &str) -> String {
    format!("sqlite://{}/{name}", directory.path().display())
}

/// Returns the value of `variable`, which must be one of `known`.
fn chosen(variable: &str, known: &[&str]) -> Option<String> {
    let product = std::env::var(variable).ok()?;
    assert!(
        known.contains(&product.as_str()),
        "{variable} is {product}; it must be one of {known:?} or unset"
    );
    Some(product)
}

/// Returns the URL in `variable` up to its last slash: `<scheme>://<host>`.
fn server(variable: &str) -> String {
    let url = std::env::var(variable);
    let url = url.unwrap_or_else(|_| panic!("{variable} must be the URL of a server: see .ci/backends"));
    url.rsplit_once('/').unwrap().0.to_owned()
}

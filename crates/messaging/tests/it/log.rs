//! An event log and a database for a single test.

use std::sync::Arc;

use event_log::{History, Received, Record, Subscription, Transport, last_positions};
use messaging::{EventLog, MIGRATIONS, connect};
use storage::{Db, Migrations, Settings};
use tempfile::TempDir;
use uuid::Uuid;

pub struct Files {
    directory: TempDir,
    /// The URL of the events' topic, or `None` for the embedded log.
    kafka: Option<String>,
}

impl Files {
    pub fn embedded() -> Self {
        Self { directory: TempDir::new().unwrap(), kafka: None }
    }

    /// Topics on the broker of `TEST_KAFKA_URL`; `None` if no broker is configured, which is an error in the
    /// gate.
    pub fn kafka() -> Option<Self> {
        let Ok(url) = std::env::var("TEST_KAFKA_URL") else {
            assert!(
                std::env::var("MARQUEE_TEST_BACKENDS").is_err(),
                "TEST_KAFKA_URL must lead to a broker: see .ci/backends"
            );
            println!("skipped: TEST_KAFKA_URL leads to no broker (see .ci/backends)");
            return None;
        };
        let (brokers, _) = url.rsplit_once('/').unwrap();
        let kafka = Some(format!("{brokers}/test-{}", Uuid::now_v7().simple()));
        Some(Self { kafka, ..Self::embedded() })
    }

    pub fn events_url(&self) -> String {
        self.kafka.clone().unwrap_or_else(|| self.file_url("events"))
    }

    /// On Kafka: the broker's address, and the name of the events' topic.
    pub fn broker_and_topic(&self) -> (&str, &str) {
        let url = self.kafka.as_deref().unwrap();
        url.strip_prefix("kafka://").unwrap().split_once('/').unwrap()
    }

    pub fn path(&self) -> &std::path::Path {
        self.directory.path()
    }

    fn file_url(&self, name: &str) -> String {
        format!("sqlite://{}/{name}.db", self.directory.path().display())
    }

    /// Opens the log as a process of its own.
    pub async fn transport(&self) -> Arc<dyn Transport> {
        let log: EventLog = self.events_url().parse().unwrap();
        connect(&log).await.unwrap()
    }

    pub async fn db(&self, migrations: &Migrations) -> Db {
        let url = self.file_url("service").parse().unwrap();
        let db = Db::open(&url, Settings::default()).await.unwrap();
        db.migrate(&[&MIGRATIONS, migrations]).await.unwrap();
        db
    }
}

/// Makes two tests of each named function: one on the embedded log and one on Kafka.
macro_rules! on_both_transports {
    ($($test:ident),* $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test($crate::log::Files::embedded()).await;
            })*
        }
        mod kafka {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                if let Some(files) = $crate::log::Files::kafka() {
                    super::$test(files).await;
                }
            })*
        }
    };
}
pub(crate) use on_both_transports;

/// The number of keys of [`records`].
const KEYS: usize = 7;

pub fn record(key: &str, payload: &str) -> Record {
    Record {
        key: Some(key.to_owned()),
        payload: Some(payload.as_bytes().to_vec()),
        headers: vec![("ce_id".to_owned(), format!("{key}/{payload}"))],
    }
}

pub fn records(numbers: std::ops::Range<usize>) -> Vec<Record> {
    numbers.map(|number| record(&(number % KEYS).to_string(), &number.to_string())).collect()
}

/// Asserts that `numbers` are those of `expected`, each once, and in order for each key of [`records`].
pub fn assert_complete(mut numbers: Vec<usize>, expected: std::ops::Range<usize>) {
    for key in 0..KEYS {
        let own: Vec<_> = numbers.iter().copied().filter(|number| number % KEYS == key).collect();
        assert!(own.is_sorted(), "records of one key keep their order: {own:?}");
    }
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(expected), "each number once: {numbers:?}");
}

/// The number that [`record`] wrote into the payload.
pub fn number(record: &Record) -> usize {
    std::str::from_utf8(record.payload.as_deref().unwrap()).unwrap().parse().unwrap()
}

/// Receives `count` numbers, and commits each batch if `commit`.
pub async fn read(subscription: &mut dyn Subscription, count: usize, commit: bool) -> Vec<usize> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let batch = subscription.receive((count - numbers.len()).min(500)).await.unwrap();
        numbers.extend(batch.iter().map(|received| number(&received.record)));
        if commit {
            for last in last_positions(&batch) {
                subscription.commit(last).await.unwrap();
            }
        }
    }
    numbers
}

/// Reads `history` to its end, at most `max` records at a time.
pub async fn read_all(history: &mut dyn History, max: usize) -> Vec<Received> {
    let mut all = Vec::new();
    loop {
        let batch = history.next(max).await.unwrap();
        assert!(batch.len() <= max);
        if batch.is_empty() {
            return all;
        }
        all.extend(batch);
    }
}

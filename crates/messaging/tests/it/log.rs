//! An event log and a database of a test's own.

use std::sync::Arc;

use event_log::{History, Received, Record, Subscription, Transport, last_positions};
use messaging::{EventLog, MIGRATIONS, connect};
use storage::{Db, Migrations, Settings};
use tempfile::TempDir;
use uuid::Uuid;

pub struct Files {
    directory: TempDir,
    /// Where the events are; `None` is a file.
    kafka: Option<String>,
}

impl Files {
    pub fn embedded() -> Self {
        Self { directory: TempDir::new().unwrap(), kafka: None }
    }

    /// With topics of its own on the broker of `TEST_KAFKA_URL`; `None` where there is no broker, which is no excuse in
    /// the gate.
    pub fn kafka() -> Option<Self> {
        let Ok(url) = std::env::var("TEST_KAFKA_URL") else {
            assert!(
                std::env::var("MARQUEE_TEST_BACKENDS").is_err(),
                "TEST_KAFKA_URL must lead to a broker: see .ci/backends"
            );
            println!("left out: TEST_KAFKA_URL leads to no broker (see .ci/backends)");
            return None;
        };
        let (brokers, _) = url.rsplit_once('/').unwrap();
        let kafka = Some(format!("{brokers}/test-{}", Uuid::now_v7().simple()));
        Some(Self { kafka, ..Self::embedded() })
    }

    pub fn events_url(&self) -> String {
        self.kafka.clone().unwrap_or_else(|| self.file_url("events"))
    }

    /// On Kafka: the broker's address, and what the events' topic is called there.
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

    /// Opened anew each time, as each process does.
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

/// Runs each of the named functions on the embedded log and on Kafka, as a test of its own.
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

/// So many keys have [`records`].
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

/// That `numbers` are all of `expected`, once, and in order for each key of [`records`].
pub fn assert_complete(mut numbers: Vec<usize>, expected: std::ops::Range<usize>) {
    for key in 0..KEYS {
        let own: Vec<_> = numbers.iter().copied().filter(|number| number % KEYS == key).collect();
        assert!(own.is_sorted(), "records of one key keep their order: {own:?}");
    }
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(expected), "all, and each once: {numbers:?}");
}

/// What [`record`] wrote into the payload.
pub fn number(record: &Record) -> usize {
    std::str::from_utf8(record.payload.as_deref().unwrap()).unwrap().parse().unwrap()
}

/// The next `count` payloads as numbers; each batch is committed if `commit`.
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

/// `history` to its end, at most `max` records at a time.
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

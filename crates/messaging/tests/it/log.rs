//! An event log and a database for a single test.

use std::sync::Arc;

use event_log::Transport;
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

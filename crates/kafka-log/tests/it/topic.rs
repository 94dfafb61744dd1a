//! A topic for a single test.

use std::sync::Arc;

use event_log::{SeedTimeZone, Transport};
use kafka_log::{KafkaConnection, KafkaLog, KafkaSecurity, KafkaUrl};
use uuid::Uuid;

/// Partitions of the topics.
pub const PARTITIONS: u16 = 12;

/// A topic on the broker of `TEST_KAFKA_URL`.
pub struct Topic {
    pub url: KafkaUrl,
}

impl Topic {
    /// Creates a topic. Returns `None` if no broker is configured, which is an error in the gate.
    pub fn new() -> Option<Self> {
        let Ok(url) = std::env::var("TEST_KAFKA_URL") else {
            assert!(
                std::env::var("MARQUEE_TEST_BACKENDS").is_err(),
                "TEST_KAFKA_URL must lead to a broker: see .ci/backends"
            );
            println!("skipped: TEST_KAFKA_URL leads to no broker (see .ci/backends)");
            return None;
        };
        let mut url = KafkaUrl::parse(&url).unwrap();
        url.topic = format!("test-{}", Uuid::now_v7().simple());
        Some(Self { url })
    }

    pub fn brokers(&self) -> String {
        self.url.brokers.join(",")
    }

    /// The log as a process of its own opens it.
    pub fn log(&self) -> Arc<dyn Transport> {
        open(self.url.clone(), None)
    }

    /// The log as a process opens it that its consumer group knows by `name`.
    pub fn log_of(&self, name: &str) -> Arc<dyn Transport> {
        open(self.url.clone(), Some(name.to_owned()))
    }
}

pub fn open(url: KafkaUrl, group_instance_id: Option<String>) -> Arc<dyn Transport> {
    let connection = KafkaConnection { url, group_instance_id, security: KafkaSecurity::default() };
    Arc::new(KafkaLog::new(connection, PARTITIONS, SeedTimeZone::default()).unwrap())
}

//! What librdkafka says of itself: log lines under the target `kafka`, and metrics.

use metrics::Gauge;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::{Partition, Statistics};

/// Of one client: `producer`, or a consumer group.
pub struct Telemetry {
    client: String,
}

impl Telemetry {
    pub fn new(client: &str) -> Self {
        Self { client: client.to_owned() }
    }
}

impl ClientContext for Telemetry {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel::*;
        let client = &self.client;
        match level {
            Emerg | Alert | Critical => tracing::error!(target: "kafka", client, facility, "{message}"),
            // A broker that is away is one: said once, and then every half minute.
            Error | Warning => tracing::warn!(target: "kafka", client, facility, "{message}"),
            Notice | Info => tracing::debug!(target: "kafka", client, facility, "{message}"),
            Debug => tracing::trace!(target: "kafka", client, facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, Resolve};
        let client = &self.client;
        match error.rdkafka_error_code() {
            // At each attempt to connect; the log tells of it at a bearable pace.
            Some(AllBrokersDown | BrokerTransportFailure | Resolve) => {
                tracing::debug!(target: "kafka", client, %error, "{reason}");
            }
            _ => tracing::warn!(target: "kafka", client, %error, "{reason}"),
        }
    }

    fn stats(&self, statistics: Statistics) {
        let up = statistics.brokers.values().filter(|broker| broker.nodeid >= 0 && broker.state == "UP");
        metrics::gauge!("kafka_brokers_up", "client" => self.client.clone()).set(up.count() as f64);
        if statistics.client_type == "consumer" {
            for partition in statistics.topics.values().flat_map(|topic| topic.partitions.values()) {
                if let Some(records) = records_behind(partition) {
                    lag(&self.client, partition.partition).set(records as f64);
                }
            }
        }
    }
}

/// How many records of `partition` are not committed, if it is this consumer's and that is known.
fn records_behind(partition: &Partition) -> Option<i64> {
    if partition.fetch_state != "active" || partition.hi_offset < 0 {
        return None;
    }
    // A group that has committed nothing yet has all before it.
    let next = partition.committed_offset.max(partition.lo_offset).max(0);
    Some((partition.hi_offset - next).max(0))
}

pub fn lag(consumer: &str, partition: i32) -> Gauge {
    metrics::gauge!(
        "consumer_lag_records",
        "consumer" => consumer.to_owned(),
        "partition" => partition.to_string(),
    )
}

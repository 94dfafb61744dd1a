//! The callbacks of librdkafka: they update the [`Condition`], log under the target `kafka`, and set metrics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::Gauge;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::{Partition, Statistics};

use crate::client::KafkaConnection;
use crate::condition::{Aspect, Condition, Fault, write_permission};

/// Why no broker can be used, with the settings that may be wrong.
const NO_ANSWER: &str = "no broker answers (EVENTS_URL)";
const NO_TLS: &str = "no TLS with the brokers (KAFKA_SSL_CA_FILE)";
const NO_LOGIN: &str = "the brokers refuse the login (KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD)";

/// The callbacks of one client, which is named `producer` or after its consumer group.
pub struct Telemetry {
    client: String,
    user: String,
    events_topic: String,
    condition: Arc<Condition>,
    /// The client is closing. A new one of the same name may be running, so its callbacks are ignored.
    retired: AtomicBool,
    /// Why the last attempt to connect to any broker failed.
    last_failure: Mutex<Option<Fault>>,
}

impl Telemetry {
    pub fn new(client: &str, connection: &KafkaConnection, condition: Arc<Condition>) -> Self {
        Self {
            client: client.to_owned(),
            user: connection.security.user().to_owned(),
            events_topic: connection.url.topic.clone(),
            condition,
            retired: AtomicBool::new(false),
            last_failure: Mutex::default(),
        }
    }

    pub fn fails(&self, aspect: Aspect, fault: Fault) {
        if !self.retired.load(Ordering::Relaxed) {
            self.condition.fails(&self.client, aspect, fault);
        }
    }

    /// Records that the user has no permission for `operation`, such as `READ topic movie`.
    pub fn forbidden(&self, operation: &str) {
        if !self.retired.load(Ordering::Relaxed) {
            self.condition.forbidden(&self.client, &self.user, operation);
        }
    }

    pub fn works(&self, aspect: Aspect) {
        if !self.retired.load(Ordering::Relaxed) {
            self.condition.works(&self.client, aspect);
        }
    }

    pub fn has_failed(&self, aspect: Aspect) -> bool {
        self.condition.has_failed(&self.client, aspect)
    }

    /// Ignores all later callbacks.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        self.condition.forget(&self.client);
    }

    /// Remembers why a connection failed. One unreachable broker of several does no harm, so it is reported
    /// only when no broker is left.
    fn connection_failed(&self, fault: Fault) {
        if self.has_failed(Aspect::Connection) {
            self.fails(Aspect::Connection, fault.clone());
        }
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    fn all_brokers_down(&self, reason: &str) {
        let known = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.fails(Aspect::Connection, known.unwrap_or_else(|| connection_fault(NO_ANSWER, reason)));
    }
}

impl ClientContext for Telemetry {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel::{Debug, Info, Notice};
        // Only at these levels, librdkafka logs a broker that closes the connection (wrong protocol).
        if matches!(level, Notice | Info) && facility == "FAIL" {
            self.connection_failed(connection_fault(NO_ANSWER, message));
        }
        // librdkafka passes these to `error` too; a closing client needs no attention; and during an outage,
        // which the condition logs, each request in flight may time out.
        let is_known = matches!(facility, "FAIL" | "FATAL")
            || self.retired.load(Ordering::Relaxed)
            || self.has_failed(Aspect::Connection);
        let client = &self.client;
        if is_known || matches!(level, Notice | Info | Debug) || telemetry::is_repeated(facility) {
            tracing::debug!(target: "kafka", client, facility, detail = message, "librdkafka logs a line");
        } else {
            tracing::warn!(target: "kafka", client, facility, detail = message, "librdkafka warns");
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        use RDKafkaErrorCode::{
            AllBrokersDown, Authentication, BrokerTransportFailure, ClusterAuthorizationFailed,
            GroupAuthorizationFailed, Resolve, SSL, SaslAuthenticationFailed, TopicAuthorizationFailed,
        };
        let client = &self.client;
        tracing::debug!(target: "kafka", client, cause = %error, detail = reason, "librdkafka reports an error");
        match error.rdkafka_error_code() {
            Some(BrokerTransportFailure | Resolve) => {
                self.connection_failed(connection_fault(NO_ANSWER, reason));
            }
            Some(Authentication | SaslAuthenticationFailed) => {
                self.connection_failed(connection_fault(NO_LOGIN, reason));
            }
            Some(SSL) => self.connection_failed(connection_fault(NO_TLS, reason)),
            Some(AllBrokersDown) => self.all_brokers_down(reason),
            // An idempotent producer asks for this first. Since Kafka 2.8, WRITE on any topic includes it.
            Some(ClusterAuthorizationFailed) => {
                self.forbidden(&write_permission(&self.events_topic));
            }
            // The caller knows which operation was refused, and reports it.
            Some(TopicAuthorizationFailed | GroupAuthorizationFailed) => {}
            _ if telemetry::is_repeated(&error.to_string()) => {}
            _ => {
                tracing::warn!(target: "kafka", client, cause = %error, detail = reason, "librdkafka reports an error");
            }
        }
    }

    fn stats(&self, statistics: Statistics) {
        if statistics.brokers.values().any(|broker| broker.state == "UP") {
            self.works(Aspect::Connection);
        }
        let known = known_brokers_up(&statistics);
        metrics::gauge!("kafka_brokers_up", "client" => self.client.clone()).set(known as f64);
        if statistics.client_type == "consumer" {
            for partition in partitions(&statistics) {
                if let Some(records) = records_behind(partition) {
                    lag(&self.client, partition.partition).set(records as f64);
                }
            }
        }
    }
}

impl ConsumerContext for Telemetry {}

/// A failed attempt to connect.
fn connection_fault(summary: &str, reason: &str) -> Fault {
    // A broker closes the connection of a client that speaks another protocol.
    let is_closed = summary == NO_ANSWER && reason.contains("Disconnected");
    let summary = if is_closed { "no broker answers (EVENTS_URL, KAFKA_SECURITY_PROTOCOL)" } else { summary };
    Fault::alarm(format!("{summary}: {}", stable(reason)))
}

/// Removes the parts of `reason` that differ between attempts: `[thrd:…]: … (after 3ms in state CONNECT)`.
fn stable(reason: &str) -> &str {
    let reason = reason
        .split_once("]: ")
        .filter(|(thread, _)| thread.starts_with("[thrd:"))
        .map_or(reason, |(_, rest)| rest);
    reason.rsplit_once(" (after ").map_or(reason, |(stable, _)| stable)
}

/// The number of connected brokers that the cluster has named, unlike those known from the settings alone.
pub fn known_brokers_up(statistics: &Statistics) -> usize {
    statistics.brokers.values().filter(|broker| broker.state == "UP" && broker.nodeid >= 0).count()
}

pub fn partitions(statistics: &Statistics) -> impl Iterator<Item = &Partition> {
    statistics.topics.values().flat_map(|topic| topic.partitions.values())
}

/// The number of uncommitted records of `partition`, if this consumer reads it and the number is known.
fn records_behind(partition: &Partition) -> Option<i64> {
    if partition.fetch_state != "active" || partition.hi_offset < 0 {
        return None;
    }
    // A group without a committed position starts at the first record.
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

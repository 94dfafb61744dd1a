//! What librdkafka says of itself: the condition it is in, log lines under the target `kafka`, and metrics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::Gauge;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::{Partition, Statistics};

use crate::client::KafkaConnection;
use crate::condition::{Aspect, Condition, Fault, Kind, write_permission};

/// Of one client: `producer`, or a consumer group.
pub struct Telemetry {
    client: String,
    user: String,
    events_topic: String,
    condition: Arc<Condition>,
    /// It is being closed, and a new one of the same name may be at work: what it says does not count.
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

    /// `operation` is such as `READ topic movie`.
    pub fn is_forbidden(&self, operation: &str) {
        if !self.retired.load(Ordering::Relaxed) {
            self.condition.is_forbidden(&self.client, &self.user, operation);
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

    pub fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
        self.condition.forget(&self.client);
    }

    /// One broker of several may be away and do no harm, so this alone changes nothing; but it is the reason when no
    /// other is left.
    fn connecting_failed(&self, fault: Fault) {
        if self.has_failed(Aspect::Connection) {
            self.fails(Aspect::Connection, fault.clone());
        }
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    fn no_broker_is_left(&self, reason: &str) {
        let known = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.fails(Aspect::Connection, known.unwrap_or_else(|| unreachable(reason)));
    }
}

impl ClientContext for Telemetry {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        use RDKafkaLogLevel::*;
        let client = &self.client;
        match level {
            // A broker that hangs up, as at a client that speaks another protocol, is no error to librdkafka.
            Notice | Info if facility == "FAIL" => self.connecting_failed(unreachable(message)),
            // `error` is told of them as well; and what is being closed is nobody's concern.
            _ if matches!(facility, "FAIL" | "FATAL") || self.retired.load(Ordering::Relaxed) => {
                tracing::debug!(target: "kafka", client, facility, "{message}");
            }
            Emerg | Alert | Critical => tracing::error!(target: "kafka", client, facility, "{message}"),
            Error | Warning => tracing::warn!(target: "kafka", client, facility, "{message}"),
            Notice | Info => tracing::debug!(target: "kafka", client, facility, "{message}"),
            Debug => tracing::trace!(target: "kafka", client, facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        use RDKafkaErrorCode::{
            AllBrokersDown, Authentication, BrokerTransportFailure, ClusterAuthorizationFailed,
            GroupAuthorizationFailed, Resolve, SSL, SaslAuthenticationFailed, TopicAuthorizationFailed,
        };
        let client = &self.client;
        tracing::debug!(target: "kafka", client, %error, "{reason}");
        match error.rdkafka_error_code() {
            Some(BrokerTransportFailure | Resolve) => self.connecting_failed(unreachable(reason)),
            Some(Authentication | SaslAuthenticationFailed) => self.connecting_failed(refused_login(reason)),
            Some(SSL) => self.connecting_failed(no_tls(reason)),
            Some(AllBrokersDown) => self.no_broker_is_left(reason),
            // To write idempotently, which WRITE on any topic includes since Kafka 2.8. It is the first thing a producer asks.
            Some(ClusterAuthorizationFailed) => {
                self.is_forbidden(&write_permission(&self.events_topic));
            }
            // Who asked knows for what.
            Some(TopicAuthorizationFailed | GroupAuthorizationFailed) => {}
            _ => tracing::warn!(target: "kafka", client, %error, "{reason}"),
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

fn unreachable(reason: &str) -> Fault {
    // As a broker does with a client that speaks another protocol.
    let hangs_up = reason.contains("Disconnected");
    let settings = if hangs_up { "EVENTS_URL, KAFKA_SECURITY_PROTOCOL" } else { "EVENTS_URL" };
    let detail = format!("no broker answers ({settings}): {}", stable(reason));
    Fault { kind: Kind::Unreachable, detail }
}

fn no_tls(reason: &str) -> Fault {
    let detail = format!("no TLS with the brokers (KAFKA_SSL_CA_FILE): {}", stable(reason));
    Fault { kind: Kind::Tls, detail }
}

fn refused_login(reason: &str) -> Fault {
    let detail = format!(
        "the brokers refuse the login (KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD): {}",
        stable(reason)
    );
    Fault { kind: Kind::Login, detail }
}

/// Without the parts that differ from attempt to attempt: `[thrd:…]: … (after 3ms in state CONNECT)`.
fn stable(reason: &str) -> &str {
    let reason = reason
        .split_once("]: ")
        .filter(|(thread, _)| thread.starts_with("[thrd:"))
        .map_or(reason, |(_, rest)| rest);
    reason.rsplit_once(" (after ").map_or(reason, |(stable, _)| stable)
}

/// How many brokers are connected of those that the cluster has told of, and not only the settings.
pub fn known_brokers_up(statistics: &Statistics) -> usize {
    statistics.brokers.values().filter(|broker| broker.state == "UP" && broker.nodeid >= 0).count()
}

pub fn partitions(statistics: &Statistics) -> impl Iterator<Item = &Partition> {
    statistics.topics.values().flat_map(|topic| topic.partitions.values())
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

//! The event log on Apache Kafka: the transport of a fleet whose processes run on several machines.
//!
//! While the brokers are unreachable, a service starts and answers requests: its events wait in the outbox,
//! and its consumers retry.
//!
//! # Layout
//!
//! - `url`: the brokers' addresses and the topic.
//! - `security`: TLS and SASL, under the names that users of Kafka know.
//! - `client`: the configuration that all clients of librdkafka share.
//! - `log`: the transport.
//! - `producer`: publishes records; each is acknowledged by all in-sync replicas, in order, or has failed.
//! - `group`: a member of a consumer group.
//! - `queues`: the records that a member has received and not handed out yet.
//! - `stall`: detects a member without progress.
//! - `resume`: where a member begins after the topic was created again.
//! - `record`: records as librdkafka delivers them.
//! - `survey`: where a topic begins and ends.
//! - `history`: a topic from its first record to its last, outside of every group.
//! - `topics`: creates missing topics.
//! - `condition`: whether records can flow; logged when it changes.
//! - `telemetry`: librdkafka's callbacks, as that condition, log lines and metrics.

mod client;
mod condition;
mod group;
mod history;
mod log;
mod producer;
mod queues;
mod record;
mod resume;
mod security;
mod stall;
mod survey;
mod telemetry;
mod topics;
mod url;

pub use client::KafkaConnection;
pub use log::KafkaLog;
pub use security::{InvalidSetting, KafkaSecurity, SaslMechanism, SecurityProtocol};
pub use url::KafkaUrl;

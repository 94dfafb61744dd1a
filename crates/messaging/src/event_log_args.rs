//! The settings of the event log, and opening it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use event_log::{EmbeddedLog, SeedTimeZone, Transport, TransportError, seed_time};
use kafka_log::{KafkaConnection, KafkaLog, KafkaSecurity, KafkaUrl};
use process::StartError;
use storage::{Backend, DatabaseUrl};

/// Default number of partitions of the events' topic.
const KAFKA_PARTITIONS: u16 = 12;

/// The settings of the event log.
#[derive(clap::Args, Clone, Debug)]
pub struct EventLog {
    /// The event log: `kafka://host:port[,host:port]/topic` for Apache Kafka, or `sqlite://<file>` for the
    /// embedded log, which all services of a machine share.
    #[arg(id = "events_url", long = "events-url", value_name = "EVENTS_URL", env = "EVENTS_URL")]
    pub url: EventsUrl,

    /// Number of partitions of the event topic, if this process has to create it. It limits how many replicas
    /// of a service can share its work.
    #[arg(long, env = "KAFKA_PARTITIONS", default_value_t = KAFKA_PARTITIONS, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub kafka_partitions: u16,

    /// Name of this process in its consumer group: unique in the group, and the same after a restart. A
    /// process with a name keeps its partitions during a restart of less than six seconds, without a
    /// rebalance of the group. During a longer absence, its partitions are not read for six seconds. Do not
    /// set it for processes that are replaced under new names.
    #[arg(long, env = "KAFKA_GROUP_INSTANCE_ID")]
    pub kafka_group_instance_id: Option<String>,

    #[command(flatten)]
    pub kafka_security: KafkaSecurity,

    /// Time zone of the original Java services, whose events have a local time without a zone: a name such as
    /// `Asia/Seoul`, or an offset such as `+09:00`.
    #[arg(long, env = "SEED_TIME_ZONE", default_value = seed_time::DEFAULT)]
    pub seed_time_zone: SeedTimeZone,
}

/// Parses the URL of a log; all other settings have their defaults.
impl FromStr for EventLog {
    type Err = InvalidEventsUrl;

    fn from_str(url: &str) -> Result<Self, InvalidEventsUrl> {
        Ok(Self {
            url: url.parse()?,
            kafka_partitions: KAFKA_PARTITIONS,
            kafka_group_instance_id: None,
            kafka_security: KafkaSecurity::default(),
            seed_time_zone: SeedTimeZone::default(),
        })
    }
}

impl EventLog {
    pub(crate) fn check(&self) -> Result<(), StartError> {
        match self.url {
            EventsUrl::Kafka(_) => {
                self.kafka_security.check().map_err(|error| StartError::Configuration(error.to_string()))
            }
            EventsUrl::Embedded(_) => Ok(()),
        }
    }
}

/// `EVENTS_URL`: `sqlite://<file>` is the embedded log, `kafka://<host>:<port>[,<host>:<port>]/<topic>`
/// Apache Kafka.
#[derive(Clone, Debug)]
pub enum EventsUrl {
    Embedded(DatabaseUrl),
    Kafka(KafkaUrl),
}

/// The text is not the URL of an event log.
#[derive(Debug, thiserror::Error)]
#[error("must be sqlite://<file> or kafka://<host>:<port>[,<host>:<port>]/<topic>")]
pub struct InvalidEventsUrl;

impl fmt::Display for EventsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(file) => file.fmt(f),
            Self::Kafka(topic) => topic.fmt(f),
        }
    }
}

impl FromStr for EventsUrl {
    type Err = InvalidEventsUrl;

    fn from_str(url: &str) -> Result<Self, InvalidEventsUrl> {
        if url.starts_with("kafka://") {
            return KafkaUrl::parse(url).map(Self::Kafka).ok_or(InvalidEventsUrl);
        }
        match url.parse::<DatabaseUrl>() {
            Ok(file) if file.backend() == Backend::Sqlite => Ok(Self::Embedded(file)),
            _ => Err(InvalidEventsUrl),
        }
    }
}

/// Opens the transport of `log`.
///
/// # Errors
///
/// When the file of the embedded log cannot be used, or a setting is wrong. Unreachable brokers are not an
/// error: see [`kafka_log`].
pub async fn connect(log: &EventLog) -> Result<Arc<dyn Transport>, TransportError> {
    Ok(match &log.url {
        EventsUrl::Embedded(file) => Arc::new(EmbeddedLog::open(file, log.seed_time_zone.clone()).await?),
        EventsUrl::Kafka(url) => {
            let connection = KafkaConnection {
                url: url.clone(),
                group_instance_id: log.kafka_group_instance_id.clone(),
                security: log.kafka_security.clone(),
            };
            Arc::new(KafkaLog::new(connection, log.kafka_partitions, log.seed_time_zone.clone())?)
        }
    })
}

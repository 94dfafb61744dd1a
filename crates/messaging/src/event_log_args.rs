//! Which event log a process uses, and opening it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use event_log::{EmbeddedLog, SeedTimeZone, Transport, TransportError, seed_time};
use kafka_log::{KafkaConnection, KafkaLog, KafkaSecurity, KafkaUrl};
use process::StartError;
use storage::{Backend, DatabaseUrl};

/// Partitions of the events' topic, where nothing else is said.
const KAFKA_PARTITIONS: u16 = 12;

/// The event log, and what to make it like.
#[derive(clap::Args, Clone, Debug)]
pub struct EventLog {
    /// The event log: `kafka://host:port[,host:port]/topic` for Apache Kafka, or `sqlite://<file>` for the embedded one
    /// that all services on a machine share.
    #[arg(id = "events_url", long = "events-url", value_name = "EVENTS_URL", env = "EVENTS_URL")]
    pub url: EventsUrl,

    /// Partitions of the events' topic, if it has to be made: how many replicas of a service can share its work.
    #[arg(long, env = "KAFKA_PARTITIONS", default_value_t = KAFKA_PARTITIONS, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub kafka_partitions: u16,

    /// Name of this process in its consumer group, the same after a restart and no other member's. It then keeps its share
    /// of the partitions over a restart of less than six seconds, and nobody else is disturbed; whoever goes for longer is
    /// missed for that time. Not for processes that are replaced by others under new names.
    #[arg(long, env = "KAFKA_GROUP_INSTANCE_ID")]
    pub kafka_group_instance_id: Option<String>,

    #[command(flatten)]
    pub kafka_security: KafkaSecurity,

    /// Time zone of the original Java services, whose events have a local time and no zone: a name such as `Asia/Seoul`, or an
    /// offset such as `+09:00`.
    #[arg(long, env = "SEED_TIME_ZONE", default_value = seed_time::DEFAULT)]
    pub seed_time_zone: SeedTimeZone,
}

/// The log of a URL, as it is by default.
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

/// `EVENTS_URL`: `sqlite://<file>` is the embedded log, `kafka://<host>:<port>[,<host>:<port>]/<topic>` Apache Kafka.
#[derive(Clone, Debug)]
pub enum EventsUrl {
    Embedded(DatabaseUrl),
    Kafka(KafkaUrl),
}

/// Not an event log.
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
/// When the embedded log's file cannot be used, or the configuration is wrong. Brokers that are away are no error: see
/// [`kafka_log`].
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

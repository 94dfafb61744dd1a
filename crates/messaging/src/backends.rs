//! Which database and which event log a service is on.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use process::StartError;
use storage::{DatabaseUrl, Db, Migrations, Settings};

use crate::kafka::KafkaSecurity;
use crate::seed_time::{self, SeedTimeZone};
use crate::transport::{EventsUrl, InvalidEventsUrl, Transport, connect};

/// Partitions of the events' topic, where nothing else is said.
const KAFKA_PARTITIONS: u16 = 12;

/// The two URLs by which a service picks its backends.
#[derive(clap::Args, Clone, Debug)]
pub struct Backends {
    /// The service's own database: `sqlite://<file>` or `postgres://user:password@host/name`. Over TLS with
    /// `?sslmode=verify-full&sslrootcert=<file>` behind it, in a binary built with `--features tls`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: DatabaseUrl,

    /// How long the start may wait for a database that does not answer, in milliseconds. Where processes and servers start
    /// in no order, as in a cluster.
    #[arg(long, env = "DATABASE_WAIT_MS", default_value_t = 0)]
    pub database_wait_ms: u64,

    #[command(flatten)]
    pub events: EventLog,
}

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

impl Backends {
    /// Opens both, and brings the database to the schema of `migrations`, outbox and inbox included.
    ///
    /// # Errors
    ///
    /// When one of them is not there.
    pub async fn open(&self, migrations: &Migrations) -> Result<(Db, Arc<dyn Transport>), StartError> {
        let Self { database_url, events, .. } = self;
        events.check()?;
        let unusable = |error| {
            let what = format!("cannot use the database {database_url} of DATABASE_URL (--database-url)");
            StartError::new(what, database_url.explain(&error))
        };
        let wait = Duration::from_millis(self.database_wait_ms);
        let db = Db::open_within(database_url, Settings::default(), wait).await.map_err(unusable)?;
        db.migrate(&[&crate::MIGRATIONS, migrations]).await.map_err(unusable)?;
        let transport = connect(events).await.map_err(|error| {
            StartError::new(
                format!("cannot use the event log {} of EVENTS_URL (--events-url)", events.url),
                error,
            )
        })?;
        Ok((db, transport))
    }
}

impl EventLog {
    fn check(&self) -> Result<(), StartError> {
        match self.url {
            EventsUrl::Kafka(_) => {
                self.kafka_security.check().map_err(|error| StartError::Configuration(error.to_string()))
            }
            EventsUrl::Embedded(_) => Ok(()),
        }
    }
}

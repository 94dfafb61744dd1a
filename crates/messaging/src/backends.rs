//! Which database and which event log a service is on.

use std::str::FromStr;
use std::sync::Arc;

use service_kit::process::StartError;
use storage::{DatabaseUrl, Db, Migrations, Settings};

use crate::transport::{EventsUrl, InvalidEventsUrl, Transport, connect};

/// Partitions of the events' topic, where nothing else is said.
const KAFKA_PARTITIONS: u16 = 12;

/// The two URLs by which a service picks its backends.
#[derive(clap::Args, Clone, Debug)]
pub struct Backends {
    /// The service's own database: `sqlite://<file>` or `postgres://user:password@host/name`.
    #[arg(long, env = "DATABASE_URL")]
    pub database_url: DatabaseUrl,

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
}

/// The log of a URL, as it is by default.
impl FromStr for EventLog {
    type Err = InvalidEventsUrl;

    fn from_str(url: &str) -> Result<Self, InvalidEventsUrl> {
        Ok(Self { url: url.parse()?, kafka_partitions: KAFKA_PARTITIONS })
    }
}

impl Backends {
    /// Opens both, and brings the database to the schema of `migrations`, outbox and inbox included.
    ///
    /// # Errors
    ///
    /// When one of them is not there.
    pub async fn open(&self, migrations: &Migrations) -> Result<(Db, Arc<dyn Transport>), StartError> {
        let database =
            |error| StartError::new(format!("cannot use the database {}", self.database_url), error);
        let db = Db::open(&self.database_url, Settings::default()).await.map_err(database)?;
        db.migrate(&[&crate::MIGRATIONS, migrations]).await.map_err(database)?;
        let EventLog { url, kafka_partitions } = &self.events;
        let transport = connect(url, *kafka_partitions)
            .await
            .map_err(|error| StartError::new(format!("cannot use the event log {url}"), error))?;
        Ok((db, transport))
    }
}

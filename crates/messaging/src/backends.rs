//! Which database and which event log a service is on.

use std::sync::Arc;

use service_kit::process::StartError;
use storage::{DatabaseUrl, Db, Migrations, Settings};

use crate::transport::{EventsUrl, Transport, connect};

/// The two URLs by which a service picks its backends.
#[derive(clap::Args, Clone, Debug)]
pub struct Backends {
    /// The service's own database: `sqlite://<file>` or `postgres://user:password@host/name`.
    #[arg(long, env = "DATABASE_URL")]
    pub database_url: DatabaseUrl,

    /// The event log: `sqlite://<file>` for the embedded one that all services on a machine share.
    #[arg(long, env = "EVENTS_URL")]
    pub events_url: EventsUrl,
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
        let transport = connect(&self.events_url).await.map_err(|error| {
            StartError::new(format!("cannot use the event log {}", self.events_url), error)
        })?;
        Ok((db, transport))
    }
}

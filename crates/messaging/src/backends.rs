//! Which database and which event log a service uses.

use std::sync::Arc;
use std::time::Duration;

use event_log::Transport;
use process::StartError;
use storage::{DatabaseUrl, Db, Migrations, Settings};

use crate::event_log_args::{EventLog, connect};

/// The settings that select a service's backends.
#[derive(clap::Args, Clone, Debug)]
pub struct Backends {
    /// The service's own database: `sqlite://<file>` or `postgres://user:password@host/name`. For TLS,
    /// append `?sslmode=verify-full&sslrootcert=<file>`, and use a binary built with `--features tls`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: DatabaseUrl,

    /// How long the start may wait for an unreachable database, in milliseconds. Useful where processes and
    /// servers start in no particular order, as in a cluster.
    #[arg(long, env = "DATABASE_WAIT_MS", default_value_t = 0)]
    pub database_wait_ms: u64,

    #[command(flatten)]
    pub events: EventLog,
}

impl Backends {
    /// Opens the database and the event log, and migrates the database: outbox, inbox and `migrations`.
    ///
    /// # Errors
    ///
    /// When one of them cannot be used.
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

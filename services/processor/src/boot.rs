//! Starts the process, serves, and stops it.

use std::convert::Infallible;
use std::time::Duration;

use process::StartError;
use storage::{Db, Settings};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::{AppState, MIGRATIONS, router};

/// How often the metrics of the connections are updated.
const MEASURE_EVERY: Duration = Duration::from_secs(1);

/// Runs until `stop`.
///
/// # Errors
///
/// When the database cannot be used or the port is taken.
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), StartError> {
    // Opens the database and migrates it to this version's schema.
    let db = open(&config).await?;
    // Binds the ports.
    let listener = http_server::bind(&config.server, config.port).await?;
    // Serves requests until `stop`; running charges finish.
    let health = service::health::of(&db);
    let state = AppState::new(db.clone(), config.sandbox());
    tokio::select! {
        () = http_server::serve(listener, router(state, health.clone()), health, &config.server, stop) => {}
        never = keep_measuring(&db) => match never {},
    }
    // The embedded database moves its write-ahead log into its file.
    db.close().await;
    Ok(())
}

/// Updates the metrics of the connections. In the services with events, the relay does it.
async fn keep_measuring(db: &Db) -> Infallible {
    loop {
        db.measure_connections();
        sleep(MEASURE_EVERY).await;
    }
}

async fn open(config: &Config) -> Result<Db, StartError> {
    let url = &config.database_url;
    let wait = Duration::from_millis(config.database_wait_ms);
    let opened = async {
        let db = Db::open_within(url, Settings::default(), wait).await?;
        db.migrate(&[&MIGRATIONS]).await?;
        Ok(db)
    };
    opened.await.map_err(|error| {
        let what = format!("cannot use the database {url} of DATABASE_URL (--database-url)");
        StartError::new(what, url.explain(&error))
    })
}

//! Starts the process, serves, and stops it.

use std::time::Duration;

use process::{Background, StartError};
use service::connections;
use storage::{Db, Settings};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::{AppState, MIGRATIONS, router};

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
    let connections = Background::spawn("connections", |stop| connections::keep_measuring(db.clone(), stop));
    // Serves requests until `stop`; running charges finish.
    let health = service::health::of(&db);
    let state = AppState::new(db.clone(), config.sandbox());
    http_server::serve(listener, router(state, health.clone()), health, &config.server, stop).await;
    connections.stop().await;
    // The embedded database moves its write-ahead log into its file.
    db.close().await;
    Ok(())
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

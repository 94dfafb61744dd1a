//! The checks before any process is started.

use std::io;
use std::net::{SocketAddr, TcpListener};

use storage::{DatabaseUrl, Db};

use crate::data_dir::{DataDir, DataDirError};
use crate::fleet::{Fleet, Process};

#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for {process} (--port-base moves all ports)")]
pub struct PortError {
    process: Process,
    address: SocketAddr,
    #[source]
    source: io::Error,
}

/// Checks that no process of the fleet runs: one may have been started alone, or have not yet noticed that
/// its launcher has ended.
///
/// # Errors
///
/// [`DataDirError::InUse`] if one runs.
pub fn no_process_runs(data_dir: &DataDir) -> Result<(), DataDirError> {
    Process::ALL.iter().try_for_each(|process| data_dir.lock(process.name()).map(drop))
}

/// A database cannot be created, or its server is unreachable.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("cannot create the database {url} of {process} (--database-url-prefix): {problem}")]
    NotCreated { process: Process, url: String, problem: String },
    #[error("DATABASE_URL_PREFIX (--database-url-prefix): {0}")]
    Configuration(#[from] storage::InvalidUrl),
}

/// Creates missing databases.
///
/// # Errors
///
/// When one cannot be created.
pub async fn databases_exist(fleet: &Fleet, data_dir: &DataDir) -> Result<(), DatabaseError> {
    for process in Process::WITH_DATABASE {
        let url: DatabaseUrl = fleet.database_url(process, data_dir).parse()?;
        if let Err(error) = Db::create_if_missing(&url).await {
            let problem = url.explain(&error);
            return Err(DatabaseError::NotCreated { process, url: url.to_string(), problem });
        }
    }
    Ok(())
}

/// Checks that the port of every process is free.
///
/// # Errors
///
/// When one is taken.
pub fn ports_are_free(fleet: &Fleet) -> Result<(), PortError> {
    for process in Process::ALL {
        let address = fleet.address(process);
        TcpListener::bind(address).map_err(|source| PortError { process, address, source })?;
    }
    Ok(())
}

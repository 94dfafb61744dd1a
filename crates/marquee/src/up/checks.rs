//! What must be so before anything is started.

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

/// A process that was started alone, or that has not yet noticed that its launcher is gone.
///
/// # Errors
///
/// [`DataDirError::InUse`].
pub fn nothing_of_it_runs(data_dir: &DataDir) -> Result<(), DataDirError> {
    Process::ALL.iter().try_for_each(|process| data_dir.lock(process.name()).map(drop))
}

/// A database that cannot be made, or whose server is away.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("cannot make the database {url} of {process} (--database-url-prefix): {problem}")]
    NotMade { process: Process, url: String, problem: String },
    #[error("DATABASE_URL_PREFIX (--database-url-prefix): {0}")]
    Configuration(#[from] storage::InvalidUrl),
}

/// Makes the databases that are not there.
///
/// # Errors
///
/// Whose database, and why not.
pub async fn databases_exist(fleet: &Fleet, data_dir: &DataDir) -> Result<(), DatabaseError> {
    for process in Process::WITH_DATABASE {
        let url: DatabaseUrl = fleet.database_url(process, data_dir).parse()?;
        if let Err(error) = Db::create_if_missing(&url).await {
            let problem = url.explain(&error);
            return Err(DatabaseError::NotMade { process, url: url.to_string(), problem });
        }
    }
    Ok(())
}

/// # Errors
///
/// Which port is not free, and for whom.
pub fn ports_are_free(fleet: &Fleet) -> Result<(), PortError> {
    for process in Process::ALL {
        let address = fleet.address(process);
        TcpListener::bind(address).map_err(|source| PortError { process, address, source })?;
    }
    Ok(())
}

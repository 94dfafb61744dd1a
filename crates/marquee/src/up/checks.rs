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
#[error("cannot make the database of {process}")]
pub struct DatabaseError {
    process: Process,
    #[source]
    source: Box<dyn std::error::Error>,
}

/// Makes the databases that are not there.
///
/// # Errors
///
/// Whose database, and why not.
pub async fn databases_exist(fleet: &Fleet, data_dir: &DataDir) -> Result<(), DatabaseError> {
    for process in Process::ALL.into_iter().filter(|process| *process != Process::Gateway) {
        let make = async {
            let url: DatabaseUrl = fleet.database_url(process, data_dir).parse()?;
            Ok(Db::create_if_missing(&url).await?)
        };
        make.await.map_err(|source| DatabaseError { process, source })?;
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

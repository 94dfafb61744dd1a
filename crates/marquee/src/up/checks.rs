//! What must be so before anything is started.

use std::io;
use std::net::{SocketAddr, TcpListener};

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

//! The doors of a running fleet, closed for as long as this process holds a connection to them.

use std::io;

use http_server::hold::{HELD, HOLD};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::data_dir::DataDir;
use crate::fleet::Process;

/// The services that customers change something at. Payment and point go on: these two need them for what is under way.
const DOORS: [Process; 2] = [Process::Book, Process::Ticket];

#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    #[error(
        "no backup: {process} runs and cannot hold back its requests, as there is no control socket of it; start it again \
         with this version, or stop the fleet for the backup"
    )]
    NoSocket {
        process: Process,
        #[source]
        source: io::Error,
    },
    #[error("no backup: {process} does not hold back its requests")]
    NotHeld { process: Process },
}

/// Dropped, the doors are open again; the end of this process opens them too.
#[derive(Debug)]
pub struct Doors {
    _connections: Vec<BufReader<UnixStream>>,
}

impl Doors {
    /// Closes the doors of those that are `running`, and waits until no request runs behind them.
    ///
    /// # Errors
    ///
    /// When a process cannot close its door.
    pub async fn close(data_dir: &DataDir, running: &[Process]) -> Result<Self, DoorError> {
        let mut connections = Vec::new();
        // Both begin to close at once, so that customers wait for less.
        for process in DOORS.into_iter().filter(|door| running.contains(door)) {
            let connected = connect(data_dir, process).await;
            connections.push((process, connected.map_err(|source| DoorError::NoSocket { process, source })?));
        }
        for (process, connection) in &mut connections {
            let mut line = String::new();
            let answered = connection.read_line(&mut line).await;
            if answered.is_err() || line != HELD {
                return Err(DoorError::NotHeld { process: *process });
            }
        }
        Ok(Self { _connections: connections.into_iter().map(|(_, connection)| connection).collect() })
    }
}

async fn connect(data_dir: &DataDir, process: Process) -> io::Result<BufReader<UnixStream>> {
    let mut stream = UnixStream::connect(data_dir.control_socket(process.name())).await?;
    stream.write_all(HOLD.as_bytes()).await?;
    Ok(BufReader::new(stream))
}

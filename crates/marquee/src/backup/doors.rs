//! Closes the doors of a running fleet for as long as this process is connected to them.

use std::io;

use http_server::hold::{HELD, HOLD};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::data_dir::DataDir;
use crate::fleet::Process;

/// The services in which customers change something. Payment and point stay open, because running requests
/// need them.
const DOORS: [Process; 2] = [Process::Book, Process::Ticket];

#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    #[error(
        "cannot back up: {process} runs but cannot hold back its requests, because it has no control socket; restart it with this \
         version, or stop the fleet for the backup"
    )]
    NoSocket {
        process: Process,
        #[source]
        source: io::Error,
    },
    #[error("cannot back up: {process} does not hold back its requests")]
    NotHeld { process: Process },
}

/// Closed doors. They open on drop, and when this process ends.
#[derive(Debug)]
pub struct Doors {
    _connections: Vec<BufReader<UnixStream>>,
}

impl Doors {
    /// Closes the doors of the `running` services, and waits until their running requests have finished.
    ///
    /// # Errors
    ///
    /// When a process cannot close its door.
    pub async fn close(data_dir: &DataDir, running: &[Process]) -> Result<Self, DoorError> {
        let mut connections = Vec::new();
        // Both doors close at the same time, so that customers wait less.
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

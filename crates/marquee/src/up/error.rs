//! The reasons why a fleet does not start, and how long the launcher waits for its processes.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use process::EXIT_CONFIG;
use telemetry::{Colors, readable};

use super::checks;
use crate::data_dir::DataDirError;
use crate::fleet::Process;

/// Maximum time until the fleet is ready. Normally it takes less than a second.
pub const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum time for one process to stop: its own drain timeout of 10 s, and a margin.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(12);

/// Why the fleet did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Port(#[from] checks::PortError),
    #[error(transparent)]
    Database(#[from] checks::DatabaseError),
    #[error("cannot start a process for {process}")]
    Spawn {
        process: Process,
        #[source]
        source: std::io::Error,
    },
    #[error("{0}")]
    Ended(Ended),
    #[error("the fleet was not ready within {wait} s; not ready: {0}", wait = READY_TIMEOUT.as_secs())]
    NotReady(String),
    #[error("cannot start")]
    Runtime(#[source] std::io::Error),
}

impl StartError {
    /// The exit code of the launcher. If a process refuses its configuration, the launcher exits with the
    /// same code.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Ended(ended) if ended.refused_its_configuration() => ExitCode::from(EXIT_CONFIG),
            Self::Database(checks::DatabaseError::Configuration(_)) => ExitCode::from(EXIT_CONFIG),
            _ => ExitCode::FAILURE,
        }
    }
}

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    pub process: Process,
    pub pid: u32,
    pub status: ExitStatus,
    pub last_lines: String,
}

impl Ended {
    pub fn refused_its_configuration(&self) -> bool {
        self.status.code() == Some(i32::from(EXIT_CONFIG))
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { process, pid, .. } = self;
        write!(f, "{process} (process {pid}) ended with {}", self.status)?;
        if self.last_lines.is_empty() || self.status.signal().is_some() {
            return Ok(());
        }
        f.write_str("; its last lines:")?;
        self.last_lines.lines().try_for_each(|line| write!(f, "\n{}", readable(line, Colors::Off).trim_end()))
    }
}

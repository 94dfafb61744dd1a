//! `marquee stop`: stops everything that runs on a data directory, and waits for its end.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::data_dir::{DataDir, DataDirError};
use crate::fleet::{LAUNCHER, Process};
use crate::output::{OutputError, print, printable};
use crate::runtime;
use crate::status::On;

/// Maximum time for the launcher to stop: each of its processes has 12 s, and is killed then.
const LAUNCHER_TIMEOUT: Duration = Duration::from_secs(100);
/// Maximum time for one process that was started alone: its own drain timeout of 10 s, and a margin.
const PROCESS_TIMEOUT: Duration = Duration::from_secs(12);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

#[derive(Debug, thiserror::Error)]
enum StopError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("cannot stop {what}, process {pid}")]
    NotSignaled {
        what: &'static str,
        pid: u32,
        #[source]
        source: io::Error,
    },
    #[error("{what} still runs after {} s; end it with: kill -9 {pid}", within.as_secs())]
    StillRuns { what: &'static str, pid: u32, within: Duration },
    #[error("a restore or another command works on the data directory as process {0}; wait for its end")]
    Busy(u32),
    #[error(transparent)]
    Output(#[from] OutputError),
}

pub fn run(on: &On) -> ExitCode {
    runtime::run(runtime::one_thread(), stop(on))
}

async fn stop(on: &On) -> Result<(), StopError> {
    let data_dir = DataDir::open_existing(&on.data_dir)?;
    let path = on.data_dir.display().to_string();
    let mut stopped = Vec::new();
    // The launcher stops its own processes in order.
    if end(&data_dir, LAUNCHER, LAUNCHER_TIMEOUT).await? {
        stopped.push("the fleet");
    } else if let Some(pid) = data_dir.holder("fleet") {
        return Err(StopError::Busy(pid));
    }
    for process in Process::STOP_ORDER {
        if end(&data_dir, process.name(), PROCESS_TIMEOUT).await? {
            stopped.push(process.name());
        }
    }
    let path = printable(&path);
    match stopped.as_slice() {
        [] => print(&format!("nothing runs on the data directory {path}"))?,
        stopped => print(&format!("stopped {} on the data directory {path}", stopped.join(", ")))?,
    }
    Ok(())
}

/// Asks the holder of the lock `what` to stop, and waits for its end. Returns false if there is none.
async fn end(data_dir: &DataDir, what: &'static str, within: Duration) -> Result<bool, StopError> {
    let Some(pid) = data_dir.holder(what) else { return Ok(false) };
    let id = i32::try_from(pid).ok().and_then(Pid::from_raw);
    match id.map(|id| kill_process(id, Signal::TERM)) {
        Some(Err(rustix::io::Errno::SRCH)) | None => {}
        Some(outcome) => {
            outcome.map_err(|error| StopError::NotSignaled { what, pid, source: error.into() })?;
        }
    }
    let deadline = Instant::now() + within;
    while data_dir.holder(what) == Some(pid) {
        if Instant::now() > deadline {
            return Err(StopError::StillRuns { what, pid, within });
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok(true)
}

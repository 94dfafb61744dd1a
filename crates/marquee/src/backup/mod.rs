//! `marquee backup`: copies one state of all databases and the event log into a directory; the fleet may keep
//! running.
//!
//! 1. The doors close (`doors`): new requests that change something wait, and running ones finish.
//! 2. All events are delivered: all outboxes are empty, and every service has read the whole log (`stores`).
//! 3. The backup takes the write locks of all databases in a fixed order, and checks step 2 again. From here
//!    to the end of step 4, nothing changes. The locks guarantee this: if a door opened too early, requests
//!    would find a locked database.
//! 4. Each database is copied. Then the locks are released and the doors opened.
//! 5. The copies are synced, and the manifest with their checksums is written last (`manifest`). All files
//!    are in a directory with a temporary name, which is renamed at the end, so that an incomplete backup
//!    is never taken for a complete one.
//!
//! The ledger of the payment provider is not copied, because it belongs to the provider and is never set
//! back.

mod doors;
pub mod manifest;
pub mod names;
pub mod stores;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use process::crash;
use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout_at};

use crate::data_dir::{DataDir, DataDirError};
use crate::fleet::{Fleet, Process};
use crate::mark;
use crate::output::{OutputError, counted, print, printable};
use crate::runtime;
use doors::{DoorError, Doors};
use manifest::{Manifest, ManifestError};
use stores::{StoreError, Stores};
use target::{Target, TargetError};

#[derive(clap::Args, Debug)]
pub struct Plan {
    #[command(flatten)]
    fleet: Fleet,

    /// Directory for the backup. It is created; an existing one must be empty.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,

    /// Maximum wait in seconds until no request and no event is under way. Meanwhile, requests that change
    /// something are held back. If the wait takes longer, the backup fails.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=50))]
    wait_seconds: u64,
}

#[derive(Debug, thiserror::Error)]
enum BackupError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Elsewhere(#[from] Elsewhere),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Door(#[from] DoorError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot back up: requests are still running after {0} s")]
    StillRunning(u64),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// A database or the event log is outside of the data directory.
#[derive(Debug, thiserror::Error)]
#[error(
    "this command works on databases and an event log in the data directory only; for servers, see the chapter Backup of \
     docs/OPERATIONS.md"
)]
pub struct Elsewhere;

/// Checks that all databases and the event log of the fleet are in its data directory.
///
/// # Errors
///
/// When one is not.
pub fn is_in_files(fleet: &Fleet) -> Result<(), Elsewhere> {
    let is_elsewhere =
        fleet.database_url_prefix.is_some() || !fleet.database_urls.is_empty() || fleet.events_url.is_some();
    if is_elsewhere { Err(Elsewhere) } else { Ok(()) }
}

pub fn run(plan: &Plan) -> ExitCode {
    runtime::run(Runtime::new(), take(plan))
}

async fn take(plan: &Plan) -> Result<(), BackupError> {
    is_in_files(&plan.fleet)?;
    if !plan.fleet.data_dir.exists() {
        return Err(StoreError::NoDatabase(plan.fleet.data_dir.join("book.db")).into());
    }
    let data_dir = DataDir::open(&plan.fleet.data_dir)?;
    let _lock = data_dir.lock("backup")?;
    mark::no_restore_is_unfinished(&data_dir)?;
    Stores::all_exist(&plan.fleet.data_dir)?;
    let target = Target::prepare(&plan.to)?;
    let stores = Stores::open(&data_dir).await?;
    let copied = copy(plan, &data_dir, &stores, &target).await;
    stores.close().await;
    let (mut manifest, waited) = copied?;
    manifest.seal(target.unfinished())?;
    crash::point("backup.sealed");
    target.finish()?;
    let (to, bookings) = (plan.to.display().to_string(), counted(manifest.bookings, "booking"));
    print(&format!("backup        {bookings} in {}", printable(&to)))?;
    print(&format!("held back     requests that change something waited for {:.2} s", waited.as_secs_f64()))?;
    Ok(())
}

/// Copies one state into `target`. Returns its manifest, and how long the doors were closed.
async fn copy(
    plan: &Plan,
    data_dir: &DataDir,
    stores: &Stores,
    target: &Target,
) -> Result<(Manifest, Duration), BackupError> {
    let began = Instant::now();
    let deadline = began + Duration::from_secs(plan.wait_seconds);
    let running = running(data_dir)?;
    let closing = timeout_at(deadline, Doors::close(data_dir, &running)).await;
    let doors = closing.map_err(|_| BackupError::StillRunning(plan.wait_seconds))??;
    crash::point("backup.held");
    // If no service runs, events in the outboxes and the log wait there, and are delivered after a restore.
    let mut locks = stores.lock(deadline, !running.is_empty()).await?;
    crash::point("backup.locked");
    stores.copy_into(target.unfinished()).await?;
    let mut manifest = locks.describe().await?;
    drop(locks);
    drop(doors);
    let waited = if running.is_empty() { Duration::ZERO } else { began.elapsed() };
    crash::point("backup.copied");
    if let Some(id) = plan.fleet.known_fleet_id(data_dir)? {
        target.write_fleet_id(&id)?;
        manifest.fleet_id = Some(id);
    }
    Ok((manifest, waited))
}

/// The running services of the fleet.
fn running(data_dir: &DataDir) -> Result<Vec<Process>, DataDirError> {
    let mut running = Vec::new();
    for process in Process::SERVICES {
        match data_dir.lock(process.name()) {
            Ok(_) => {}
            Err(DataDirError::InUse { .. }) => running.push(process),
            Err(error) => return Err(error),
        }
    }
    Ok(running)
}

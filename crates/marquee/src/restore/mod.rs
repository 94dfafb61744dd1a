//! `marquee restore`: restores a backup into the data directory of a stopped fleet, and reconciles it with
//! the payment provider.
//!
//! 1. The files are compared with the manifest and copied to a stage, and their ids are raised above every id
//!    that was ever assigned ([`ids`]). Up to here, nothing of the fleet has changed.
//! 2. The mark is written ([`mark`]). From here on, the fleet does not start, and another run continues the
//!    restore.
//! 3. The present files are moved aside, and each staged file into its place ([`files`]).
//! 4. The services start without the gateway, and refund or cancel where the provider's ledger differs from
//!    their records ([`reconcile`]). Then the mark is removed.
//!
//! Once all files are of one state, another backup may be restored instead, or the restore undone (`undo`):
//! both repeat steps 1 to 4 with other files.
//!
//! The ledger of the provider and the fleet id stay as they are.

pub mod files;
pub mod ids;
pub mod plan;
pub mod reconcile;
mod report;
mod source;
mod undo;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use process::crash;
use tokio::runtime::Runtime;

use crate::backup::manifest::Manifest;
use crate::backup::{Elsewhere, is_in_files};
use crate::data_dir::{DataDir, DataDirError, Lock};
use crate::fleet::Process;
use crate::mark::{self, Mark, Stage};
use crate::output::OutputError;
use crate::runtime::{self, exit_code};
use files::FilesError;
use ids::{IdsError, LastIds, Raised};
use plan::Plan;
use reconcile::ReconcileError;
use source::SourceError;
use undo::UndoError;

#[derive(Debug, thiserror::Error)]
enum RestoreError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Elsewhere(#[from] Elsewhere),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("cannot use {}", path.display())]
    Path {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the backup belongs to the fleet {backup}, but {} to the fleet {here}", path.display())]
    AnotherFleet { backup: String, here: String, path: PathBuf },
    #[error("an earlier restore has not moved all of its files into place yet")]
    Moving(#[source] DataDirError),
    #[error("cannot use the mark of the restore in {}", path.display())]
    Mark {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error(transparent)]
    Ids(#[from] IdsError),
    #[error(transparent)]
    Undo(#[from] UndoError),
    #[error(
        "the files are in place, but not yet reconciled with the payment provider; run the same command again, restore \
         another backup with --from, or undo the restore with --undo"
    )]
    Reconcile(#[from] ReconcileError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

pub fn run(plan: &Plan) -> ExitCode {
    runtime::run(Runtime::new(), async { restore(plan).await.map(exit_code) })
}

/// Restores or undoes. Returns true if nothing remains to be refunded, canceled or repaired.
async fn restore(plan: &Plan) -> Result<bool, RestoreError> {
    is_in_files(&plan.fleet)?;
    // A refused restore must not create a data directory.
    let checked = check(plan)?;
    let data_dir = DataDir::open(&plan.fleet.data_dir)?;
    let _lock = data_dir.lock("fleet")?;
    let claims = claim_all(&data_dir)?;
    let mut mark = match &plan.from {
        Some(from) => from_backup(plan, &data_dir, from, checked).await?,
        None => undoing(plan, &data_dir).await?,
    };
    put_in_place(&data_dir, &mut mark)?;
    crash::point("restore.in-place");
    drop(claims);
    let max_refunds = usize::try_from(plan.max_refunds).unwrap_or(usize::MAX);
    let outcome = reconcile::reconcile(&plan.fleet, &data_dir, &mark, max_refunds).await?;
    crash::point("restore.reconciled");
    if outcome.left == 0 {
        Mark::remove(&data_dir).map_err(bad_mark(&data_dir))?;
    }
    report::outcome(plan, &mark, &outcome)?;
    Ok(outcome.left == 0 && outcome.violations == 0 && outcome.not_canceled.is_empty())
}

/// Checks the flags. If there is no data directory yet, verifies the backup and returns its manifest.
fn check(plan: &Plan) -> Result<Option<Manifest>, RestoreError> {
    let is_there = plan.fleet.data_dir.exists();
    let Some(from) = &plan.from else {
        let nothing = UndoError::Nothing(plan.fleet.data_dir.clone());
        return if is_there { Ok(None) } else { Err(nothing.into()) };
    };
    source::is_outside(from, &plan.fleet.data_dir)?;
    if is_there {
        return Ok(None);
    }
    let manifest = source::verified(from)?;
    is_of_this_fleet(plan, plan.fleet.given_fleet_id().as_deref(), &manifest)?;
    Ok(Some(manifest))
}

/// Locks all parts of the data directory, so that no process runs and no backup is taken while the files are
/// replaced.
fn claim_all(data_dir: &DataDir) -> Result<Vec<Lock>, DataDirError> {
    let names = Process::ALL.iter().map(|process| process.name()).chain(["backup"]);
    names.map(|name| data_dir.lock(name)).collect()
}

fn bad_mark(data_dir: &DataDir) -> impl Fn(io::Error) -> RestoreError {
    |source| RestoreError::Mark { path: data_dir.root().to_owned(), source }
}

/// Returns the mark of an unfinished restore of the backup in `from`, or stages the backup and writes a new
/// one.
async fn from_backup(
    plan: &Plan,
    data_dir: &DataDir,
    from: &Path,
    checked: Option<Manifest>,
) -> Result<Mark, RestoreError> {
    let from =
        std::path::absolute(from).map_err(|source| RestoreError::Path { path: from.to_owned(), source })?;
    let before = match Mark::read(data_dir).map_err(bad_mark(data_dir))? {
        Some(mark) if mark.back.is_none() && source::is_same(&mark.from, &from) => return Ok(mark),
        before => before,
    };
    mark::files_are_whole(data_dir).map_err(RestoreError::Moving)?;
    let mark = stage(plan, data_dir, &from, checked, before.as_ref()).await?;
    crash::point("restore.staged");
    mark.write(data_dir).map_err(bad_mark(data_dir))?;
    crash::point("restore.marked");
    Ok(mark)
}

/// Prepares the files of the backup in the stage. `before` is the mark of an unfinished earlier restore.
async fn stage(
    plan: &Plan,
    data_dir: &DataDir,
    from: &Path,
    checked: Option<Manifest>,
    before: Option<&Mark>,
) -> Result<Mark, RestoreError> {
    let manifest = checked.map_or_else(|| source::verified(from), Ok)?;
    let here = plan.fleet.known_fleet_id(data_dir)?;
    is_of_this_fleet(plan, here.as_deref(), &manifest)?;
    files::copy_to_stage(data_dir, from, &manifest)?;
    let stage = files::stage(data_dir);
    let fleet_id = here.as_deref().or(manifest.fleet_id.as_deref());
    let known = LastIds::known(data_dir, &stage, fleet_id).await?;
    report::ids(&known)?;
    let Raised { bookings, last_booking } = known.raise(data_dir, &stage).await?;
    files::sync_stage(&stage)?;
    // An earlier restore without a ledger has started a provider, whose new ledger is empty.
    let is_ledger = before.is_none_or(|before| before.has_ledger) || known.is_known_to_provider;
    Ok(Mark {
        from: from.to_owned(),
        taken_at: manifest.taken_at,
        bookings,
        aside: files::aside("before-restore"),
        original: before.filter(|before| before.back.is_none()).map(|before| before.before().to_owned()),
        back: None,
        stage: Stage::Moving,
        last_booking,
        has_ledger: is_ledger
            && plan.fleet.has_own_provider()
            && data_dir.root().join("processor.db").exists(),
    })
}

fn is_of_this_fleet(plan: &Plan, here: Option<&str>, manifest: &Manifest) -> Result<(), RestoreError> {
    match (here, &manifest.fleet_id) {
        (Some(here), Some(backup)) if here != backup => {
            let (backup, here) = (backup.clone(), here.to_owned());
            Err(RestoreError::AnotherFleet { backup, here, path: plan.fleet.data_dir.clone() })
        }
        _ => Ok(()),
    }
}

/// Prepares to undo an unfinished restore, and writes the mark for it. First, all files of the restore move
/// into place, so that the files that were moved aside are complete.
async fn undoing(plan: &Plan, data_dir: &DataDir) -> Result<Mark, RestoreError> {
    let mark = Mark::read(data_dir).map_err(bad_mark(data_dir))?;
    let mut mark = mark.ok_or_else(|| UndoError::Nothing(plan.fleet.data_dir.clone()))?;
    if mark.back.is_some() {
        return Ok(mark);
    }
    put_in_place(data_dir, &mut mark)?;
    let fleet_id = plan.fleet.known_fleet_id(data_dir)?;
    let mark = undo::prepare(data_dir, fleet_id.as_deref(), &mark).await?;
    crash::point("restore.undo-prepared");
    mark.write(data_dir).map_err(bad_mark(data_dir))?;
    crash::point("restore.undo-marked");
    Ok(mark)
}

/// Moves the remaining files into place, and removes the stage.
fn put_in_place(data_dir: &DataDir, mark: &mut Mark) -> Result<(), RestoreError> {
    if mark.stage == Stage::Moving {
        files::put_in_place(data_dir, mark)?;
        mark.stage = Stage::Reconciling;
        mark.write(data_dir).map_err(bad_mark(data_dir))?;
    }
    files::remove_stage(data_dir, mark)?;
    Ok(())
}

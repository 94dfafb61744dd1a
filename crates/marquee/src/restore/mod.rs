//! `marquee restore`: the state of a backup, in the data directory of a stopped fleet, and reconciled with the payment provider.
//!
//! 1. The files are compared with the manifest, copied into a stage, and their ids are raised above every id that was ever
//!    given out ([`ids`]). Until here, nothing has happened to the fleet.
//! 2. The mark is written ([`mark`]). From here on the fleet does not start, and another call goes on.
//! 3. What is there is moved aside, and each staged file into its place ([`files`]).
//! 4. The services start without their door to customers, and do away with what the provider knows and they do not
//!    ([`reconcile`]). Then the mark is removed.
//!
//! The ledger of the provider and the fleet's name there stay as they are.

pub mod files;
pub mod ids;
pub mod mark;
pub mod reconcile;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;
use service_kit::crash;

use crate::backup::manifest::{Manifest, ManifestError};
use crate::backup::{Elsewhere, is_in_files};
use crate::data_dir::{DataDir, DataDirError, Lock};
use crate::fleet::{Fleet, Process};
use crate::output::{OutputError, counted, print, printable};
use files::FilesError;
use ids::{IdsError, LastIds};
use mark::{Mark, Stage};
use reconcile::{Outcome, ReconcileError};

#[derive(clap::Args, Debug)]
pub struct Plan {
    #[command(flatten)]
    fleet: Fleet,

    /// Directory of the backup.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,

    /// Maximum number of charges that the payment provider is asked to return. If there are more, the restore ends with exit
    /// code 1, and goes on when it is run again.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    max_refunds: u32,
}

#[derive(Debug, thiserror::Error)]
enum RestoreError {
    #[error("cannot start")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Elsewhere(#[from] Elsewhere),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("the backup is of the fleet {backup}, and {} belongs to the fleet {here}", path.display())]
    AnotherFleet { backup: String, here: String, path: PathBuf },
    #[error("the backup is of a newer version: {0} has migration {1}, and this version ends at {2}")]
    Newer(String, i64, i64),
    #[error("a restore of {} has begun and must come to its end first: marquee restore --from {}", .0.display(), .0.display())]
    Another(PathBuf),
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
    #[error(
        "the files are restored, and not yet reconciled with the payment provider; run the same command again"
    )]
    Reconcile(#[from] ReconcileError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

pub fn run(plan: &Plan) -> ExitCode {
    let outcome = tokio::runtime::Runtime::new()
        .map_err(RestoreError::Runtime)
        .and_then(|runtime| runtime.block_on(restore(plan)));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => crate::fail(&error),
    }
}

/// Whether all is well in the end.
async fn restore(plan: &Plan) -> Result<bool, RestoreError> {
    is_in_files(&plan.fleet)?;
    let data_dir = DataDir::open(&plan.fleet.data_dir)?;
    let _lock = data_dir.lock("fleet")?;
    let claims = claim_all(&data_dir)?;
    let from = std::path::absolute(&plan.from)
        .map_err(|source| ManifestError::File { path: plan.from.clone(), source })?;
    let failed = |source| RestoreError::Mark { path: data_dir.root().to_owned(), source };
    let mut mark = match Mark::read(&data_dir).map_err(failed)? {
        Some(mark) if mark.from != from => return Err(RestoreError::Another(mark.from)),
        Some(mark) => mark,
        None => {
            let mark = stage(plan, &data_dir, &from).await?;
            crash::point("restore.staged");
            mark.write(&data_dir).map_err(failed)?;
            crash::point("restore.marked");
            mark
        }
    };
    if mark.stage == Stage::Moving {
        files::put_in_place(&data_dir, &mark)?;
        mark.stage = Stage::Reconciling;
        mark.write(&data_dir).map_err(failed)?;
    }
    files::remove_stage(&data_dir)?;
    crash::point("restore.in-place");
    drop(claims);
    let max_refunds = usize::try_from(plan.max_refunds).unwrap_or(usize::MAX);
    let outcome = reconcile::reconcile(&plan.fleet, &data_dir, &mark, max_refunds).await?;
    crash::point("restore.reconciled");
    if outcome.left == 0 {
        Mark::remove(&data_dir).map_err(failed)?;
    }
    report(plan, &mark, &outcome)?;
    Ok(outcome.left == 0 && outcome.wrong == 0 && outcome.not_canceled.is_empty())
}

/// No process of the fleet runs, or starts, while the files are exchanged; and no backup is taken.
fn claim_all(data_dir: &DataDir) -> Result<Vec<Lock>, DataDirError> {
    let names = Process::ALL.iter().map(|process| process.name()).chain(["backup"]);
    names.map(|name| data_dir.lock(name)).collect()
}

/// Everything that can be done before the first file is touched.
async fn stage(plan: &Plan, data_dir: &DataDir, from: &Path) -> Result<Mark, RestoreError> {
    let manifest = Manifest::verified(from)?;
    is_not_newer(&manifest)?;
    let here = plan.fleet.known_fleet_id(data_dir)?;
    if let (Some(here), Some(backup)) = (&here, &manifest.fleet_id)
        && here != backup
    {
        let (backup, here) = (backup.clone(), here.clone());
        return Err(RestoreError::AnotherFleet { backup, here, path: plan.fleet.data_dir.clone() });
    }
    let known = LastIds::known(data_dir, here.as_deref()).await;
    for name in &known.unreadable {
        print(&format!(
            "not read      {name}.db, which is replaced; its ids are taken from what the others know"
        ))?;
    }
    files::copy_to_stage(data_dir, from, &manifest)?;
    let last_booking = known.raise(data_dir, &files::stage(data_dir)).await?;
    files::sync_stage(data_dir)?;
    Ok(Mark {
        from: from.to_owned(),
        taken_at: manifest.taken_at,
        bookings: manifest.bookings,
        aside: format!("before-restore-{}", Timestamp::now().strftime("%Y%m%dT%H%M%S.%3fZ")),
        stage: Stage::Moving,
        last_booking,
        has_ledger: plan.fleet.has_own_provider() && data_dir.root().join("processor.db").exists(),
    })
}

/// A service refuses a schema that is newer than it is; here that is found before anything is moved.
fn is_not_newer(manifest: &Manifest) -> Result<(), RestoreError> {
    for (name, migrations) in [
        ("book", &book::MIGRATIONS),
        ("payment", &payment::MIGRATIONS),
        ("ticket", &ticket::MIGRATIONS),
        ("point", &point::MIGRATIONS),
        ("mypage", &mypage::MIGRATIONS),
    ] {
        let last = migrations.sqlite.iter().map(|migration| migration.version).max().unwrap_or_default();
        let saved = manifest.files.get(&format!("{name}.db")).map_or(0, |saved| saved.migration);
        if saved > last {
            return Err(RestoreError::Newer(name.to_owned(), saved, last));
        }
    }
    Ok(())
}

fn report(plan: &Plan, mark: &Mark, outcome: &Outcome) -> Result<(), OutputError> {
    let bookings = counted(mark.bookings, "booking");
    let Mark { taken_at, last_booking, aside, has_ledger, .. } = mark;
    print(&format!("restored      {bookings} of {taken_at}; new ones have ids from {}", last_booking + 1))?;
    let aside = plan.fleet.data_dir.join(aside).display().to_string();
    print(&format!("moved aside   what was there is in {}", printable(&aside)))?;
    if !has_ledger {
        print("not seen      what the payment provider did after the backup: its ledger is not here")?;
    }
    for returned in &outcome.returned {
        let (id, amount, currency) = (returned.booking_id, returned.amount, printable(&returned.currency));
        print(&format!("returned      booking {id}: {amount} {currency}, charged after the backup"))?;
    }
    for id in &outcome.canceled {
        print(&format!("canceled      booking {id}: its money had gone back after the backup"))?;
    }
    for (id, reason) in &outcome.not_canceled {
        let reason = printable(reason);
        print(&format!("not canceled  booking {id}, whose money had gone back after the backup: {reason}"))?;
    }
    if outcome.left > 0 {
        let from = plan.from.display().to_string();
        let all = outcome.left;
        print(&format!(
            "unfinished    {all} more charges are to be returned, and the fleet does not start before: \
             marquee restore --from {} --max-refunds {all}",
            printable(&from)
        ))?;
    } else if outcome.wrong > 0 {
        print(&format!("wrong         {} things; `marquee audit` shows them", outcome.wrong))?;
    } else {
        print("right         all services and the provider's ledger tell one story")?;
    }
    Ok(())
}

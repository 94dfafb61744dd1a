//! Back from a restore that was not finished: the files from before it are put back as those of a backup are, and reconciled
//! with the payment provider in the same way.

use std::path::PathBuf;

use super::files::{self, FilesError};
use super::ids::{IdsError, LastIds, Raised};
use crate::backup::names::NAMES;
use crate::data_dir::DataDir;
use crate::mark::{Mark, Stage};
use crate::output::OutputError;

#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    #[error("there is nothing to undo: no restore is unfinished in {}", .0.display())]
    Nothing(PathBuf),
    #[error("the restore cannot be undone, as there is no {}; restore another backup: marquee restore --from DIR", .0.display())]
    Missing(PathBuf),
    #[error("the restore cannot be undone; restore another backup: marquee restore --from DIR")]
    Ids(#[from] IdsError),
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Makes the files from before the restore of `mark` ready to be put back, and returns the mark for that. Until it is written,
/// nothing has happened to the fleet.
///
/// # Errors
///
/// When one of the databases was not there before the restore, or cannot be used.
pub async fn prepare(data_dir: &DataDir, fleet_id: Option<&str>, mark: &Mark) -> Result<Mark, UndoError> {
    let back = mark.before();
    let directory = data_dir.root().join(back);
    let missing = NAMES.iter().map(|name| directory.join(format!("{name}.db"))).find(|file| !file.is_file());
    if let Some(file) = missing {
        return Err(UndoError::Missing(file));
    }
    let known = LastIds::known(data_dir, &directory, fleet_id).await?;
    super::report::ids(&known)?;
    let Raised { bookings, last_booking } = known.raise(data_dir, &directory).await?;
    files::sync_stage(&directory)?;
    Ok(Mark {
        bookings,
        aside: files::aside("undone-restore"),
        original: None,
        back: Some(back.to_owned()),
        stage: Stage::Moving,
        last_booking,
        ..mark.clone()
    })
}

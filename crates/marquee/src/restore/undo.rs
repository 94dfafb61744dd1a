//! Undoes an unfinished restore: puts back the files from before it like the files of a backup, and
//! reconciles them with the payment provider in the same way.

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
    #[error("the restore cannot be undone, because {} does not exist; restore another backup: marquee restore --from DIR", .0.display())]
    Missing(PathBuf),
    #[error("the restore cannot be undone; restore another backup: marquee restore --from DIR")]
    Ids(#[from] IdsError),
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Prepares the files from before the restore of `mark`, and returns the mark for putting them back. Until
/// that is written, nothing of the fleet has changed.
///
/// # Errors
///
/// When one of the databases did not exist before the restore, or cannot be used.
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

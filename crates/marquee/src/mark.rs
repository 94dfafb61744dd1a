//! The mark of an unfinished restore. While it exists, the fleet does not start.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::data_dir::{DataDir, DataDirError, open_private};

const MARK: &str = "restore.json";

/// The state that is needed to continue a restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// Directory of the backup.
    pub from: PathBuf,
    pub taken_at: Timestamp,
    /// Number of bookings in the files that are put in place.
    pub bookings: i64,
    /// Name of the directory for the files that are moved aside.
    pub aside: String,
    /// Name of the directory with the files from before the first restore, if this one follows unfinished
    /// ones.
    #[serde(default)]
    pub original: Option<String>,
    /// Name of the directory whose files are put back, when a restore is undone.
    #[serde(default)]
    pub back: Option<String>,
    pub stage: Stage,
    /// The highest booking id that was ever assigned.
    pub last_booking: i64,
    /// A ledger of the payment provider existed to reconcile with.
    pub has_ledger: bool,
}

/// How far the restore has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Some files may be the previous ones, and others the new ones.
    Moving,
    /// All files are of one state. The provider's later charges and refunds are not reconciled yet.
    Reconciling,
}

/// Checks that no restore is unfinished.
///
/// # Errors
///
/// [`DataDirError::RestoreUnfinished`] if one is.
pub fn no_restore_is_unfinished(data_dir: &DataDir) -> Result<(), DataDirError> {
    match unfinished(data_dir)? {
        Some(mark) => Err(mark.refusal()),
        None => Ok(()),
    }
}

/// Checks that all files are of one state.
///
/// # Errors
///
/// [`DataDirError::RestoreUnfinished`] while an unfinished restore moves files.
pub fn files_are_whole(data_dir: &DataDir) -> Result<(), DataDirError> {
    match unfinished(data_dir)? {
        Some(mark) if mark.stage == Stage::Moving => Err(mark.refusal()),
        _ => Ok(()),
    }
}

fn unfinished(data_dir: &DataDir) -> Result<Option<Mark>, DataDirError> {
    Mark::read(data_dir)
        .map_err(|source| DataDirError::NotWritable { path: data_dir.root().to_owned(), source })
}

impl Mark {
    fn refusal(self) -> DataDirError {
        DataDirError::RestoreUnfinished { from: self.from, is_undone: self.back.is_some() }
    }

    /// Name of the directory with the files from before the first unfinished restore.
    pub fn before(&self) -> &str {
        self.original.as_deref().unwrap_or(&self.aside)
    }

    /// Reads the mark, if one exists.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(data_dir: &DataDir) -> io::Result<Option<Self>> {
        let text = match fs::read(data_dir.root().join(MARK)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        Ok(Some(serde_json::from_slice(&text)?))
    }

    /// Writes the mark durably.
    ///
    /// # Errors
    ///
    /// When that fails; then the previous mark still exists.
    pub fn write(&self, data_dir: &DataDir) -> io::Result<()> {
        let path = data_dir.root().join(MARK);
        let unfinished = path.with_extension("json.new");
        let mut file = open_private(File::options().write(true).create(true).truncate(true), &unfinished)?;
        serde_json::to_writer_pretty(&file, self)?;
        file.flush()?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        sync(data_dir.root())
    }

    /// Removes the mark durably.
    pub fn remove(data_dir: &DataDir) -> io::Result<()> {
        fs::remove_file(data_dir.root().join(MARK))?;
        sync(data_dir.root())
    }
}

/// Makes renames and removals in `directory` survive a power failure.
pub fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_without_the_fields_for_undo_is_read() {
        let text = r#"{ "from": "/backups/monday", "takenAt": "2026-11-30T02:00:00Z", "bookings": 3,
            "aside": "before-restore-1", "stage": "moving", "lastBooking": 9, "hasLedger": true }"#;
        let mark: Mark = serde_json::from_str(text).unwrap();
        assert_eq!(
            (mark.before(), mark.back.as_deref(), mark.stage),
            ("before-restore-1", None, Stage::Moving)
        );
    }
}

//! The mark of a restore that has begun and not come to its end. While it is there, the fleet does not start.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::data_dir::{DataDir, DataDirError, open_private};

const MARK: &str = "restore.json";

/// What has to be known to go on with a restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// The backup.
    pub from: PathBuf,
    pub taken_at: Timestamp,
    pub bookings: i64,
    /// Name of the directory for what was there before.
    pub aside: String,
    pub stage: Stage,
    /// The highest booking id that was ever given out.
    pub last_booking: i64,
    /// There was a ledger of the payment provider to reconcile with.
    pub has_ledger: bool,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Some files may be those of before, and others those of the backup.
    Moving,
    /// All files are those of the backup. What the provider did after it is not reconciled yet.
    Reconciling,
}

/// # Errors
///
/// [`DataDirError::RestoreUnfinished`] while a restore has not come to its end.
pub fn none(data_dir: &DataDir) -> Result<(), DataDirError> {
    match unfinished(data_dir)? {
        Some(mark) => Err(DataDirError::RestoreUnfinished { from: mark.from }),
        None => Ok(()),
    }
}

/// # Errors
///
/// [`DataDirError::RestoreUnfinished`] while the files may be of two states.
pub fn files_are_whole(data_dir: &DataDir) -> Result<(), DataDirError> {
    match unfinished(data_dir)? {
        Some(mark) if mark.stage == Stage::Moving => Err(DataDirError::RestoreUnfinished { from: mark.from }),
        _ => Ok(()),
    }
}

fn unfinished(data_dir: &DataDir) -> Result<Option<Mark>, DataDirError> {
    Mark::read(data_dir)
        .map_err(|source| DataDirError::NotWritable { path: data_dir.root().to_owned(), source })
}

impl Mark {
    /// # Errors
    ///
    /// When there is a mark that cannot be read.
    pub fn read(data_dir: &DataDir) -> io::Result<Option<Self>> {
        let text = match fs::read(data_dir.root().join(MARK)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        Ok(Some(serde_json::from_slice(&text)?))
    }

    /// Writes it, so that it survives a crash from then on.
    ///
    /// # Errors
    ///
    /// When that fails; the mark of before is still there then.
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

    /// # Errors
    ///
    /// When it cannot be removed.
    pub fn remove(data_dir: &DataDir) -> io::Result<()> {
        fs::remove_file(data_dir.root().join(MARK))?;
        sync(data_dir.root())
    }
}

/// What was renamed or removed in `directory` stays so after a power cut.
///
/// # Errors
///
/// When the system refuses.
pub fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

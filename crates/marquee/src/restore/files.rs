//! Stages the files of a backup in the data directory, and moves them into place one after the other. To undo
//! a restore, the directory with the files from before it is the stage.
//!
//! A file is in the stage until it is in place, and only then. So this can continue after a crash between any
//! two steps: a file in the place of a staged one is from before the restore.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use process::crash;

use crate::backup::manifest::{FLEET_ID, Manifest, ManifestError};
use crate::backup::names::NAMES;
use crate::data_dir::{DIRECTORY_MODE, DataDir};
use crate::mark::{Mark, sync};

/// The stage. It is in the data directory, so that a rename from there is atomic.
const STAGE: &str = "restoring";
/// The files that SQLite keeps with a database. They are moved before it: SQLite would apply an old one to a
/// new database.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("cannot use {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is in use, or its write-ahead log could not be merged into it", .0.display())]
    InUse(PathBuf),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FilesError {
    move |source| FilesError::File { path: path.to_owned(), source }
}

/// The directory in which the files of a backup are staged.
pub fn stage(data_dir: &DataDir) -> PathBuf {
    data_dir.root().join(STAGE)
}

/// Copies the backup in `from` into an empty stage, and compares the copies with its manifest.
///
/// # Errors
///
/// When a file cannot be copied, or does not match the manifest.
pub fn copy_to_stage(data_dir: &DataDir, from: &Path, manifest: &Manifest) -> Result<(), FilesError> {
    let stage = stage(data_dir);
    remove_all(&stage)?;
    DirBuilder::new().mode(DIRECTORY_MODE).create(&stage).map_err(at(&stage))?;
    for name in manifest.expected() {
        // This fleet keeps its id.
        if name == FLEET_ID && data_dir.root().join(FLEET_ID).exists() {
            continue;
        }
        let (source, copy) = (from.join(&name), stage.join(&name));
        fs::copy(&source, &copy).map_err(at(&source))?;
        manifest.files[&name].compare(&copy)?;
    }
    Ok(())
}

/// Syncs the files of a stage to the disk. Closing a database has merged its write-ahead log into it, so that
/// its file can be moved alone.
///
/// # Errors
///
/// When that fails, or a database still has a write-ahead log.
pub fn sync_stage(stage: &Path) -> Result<(), FilesError> {
    for name in staged(stage)? {
        let path = stage.join(&name);
        if COMPANIONS.iter().any(|end| stage.join(format!("{name}{end}")).exists()) {
            return Err(FilesError::InUse(path));
        }
        File::open(&path).and_then(|file| file.sync_all()).map_err(at(&path))?;
    }
    sync(stage).map_err(at(stage))
}

/// Moves the previous file of each staged file aside, and the staged file into its place. May be called again
/// after a crash.
///
/// # Errors
///
/// When a file cannot be moved.
pub fn put_in_place(data_dir: &DataDir, mark: &Mark) -> Result<(), FilesError> {
    let root = data_dir.root();
    let stage = mark.back.as_ref().map_or_else(|| stage(data_dir), |back| root.join(back));
    let aside = root.join(&mark.aside);
    DirBuilder::new().mode(DIRECTORY_MODE).recursive(true).create(&aside).map_err(at(&aside))?;
    for name in staged(&stage)? {
        for end in COMPANIONS.into_iter().chain([""]) {
            let old = format!("{name}{end}");
            move_aside(&root.join(&old), &aside.join(&old))?;
        }
        // This must be durable before the new file is.
        sync(&aside).and_then(|()| sync(root)).map_err(at(&aside))?;
        crash::point("restore.aside");
        let place = root.join(&name);
        fs::rename(stage.join(&name), &place).map_err(at(&place))?;
        sync(&stage).and_then(|()| sync(root)).map_err(at(root))?;
        crash::point("restore.placed");
    }
    Ok(())
}

fn move_aside(path: &Path, aside: &Path) -> Result<(), FilesError> {
    match fs::rename(path, aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        moved => moved.map_err(at(path)),
    }
}

/// The sorted names of the staged files. Other files in the directory are ignored.
fn staged(stage: &Path) -> Result<Vec<String>, FilesError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(stage).map_err(at(stage))? {
        let name = entry.map_err(at(stage))?.file_name().to_string_lossy().into_owned();
        if name == FLEET_ID || NAMES.iter().any(|database| name == format!("{database}.db")) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Removes the stage of `mark` after its files were moved, and an incomplete stage that another restore has
/// left.
pub fn remove_stage(data_dir: &DataDir, mark: &Mark) -> Result<(), FilesError> {
    remove_all(&stage(data_dir))?;
    let Some(back) = mark.back.as_ref().map(|back| data_dir.root().join(back)) else { return Ok(()) };
    match fs::remove_dir(&back) {
        Err(error)
            if ![io::ErrorKind::NotFound, io::ErrorKind::DirectoryNotEmpty].contains(&error.kind()) =>
        {
            Err(at(&back)(error))
        }
        _ => Ok(()),
    }
}

fn remove_all(directory: &Path) -> Result<(), FilesError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(directory)(error)),
        _ => Ok(()),
    }
}

/// Names a new directory for files that are moved aside.
pub fn aside(name: &str) -> String {
    format!("{name}-{}", Timestamp::now().strftime("%Y%m%dT%H%M%S.%3fZ"))
}

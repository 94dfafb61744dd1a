//! The directory of a backup, which has a temporary name until it is complete.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::manifest::FLEET_ID;
use crate::data_dir::{DIRECTORY_MODE, open_private};

#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error("{} exists and is not empty; choose another directory with --to", .0.display())]
    NotEmpty(PathBuf),
    #[error("cannot write the backup to {}", path.display())]
    NotWritable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// The directory of a backup. If it is dropped before it is finished, the directory is removed.
#[derive(Debug)]
pub struct Target {
    to: PathBuf,
    parent: PathBuf,
    unfinished: PathBuf,
    is_finished: bool,
}

impl Target {
    /// Creates the directory under its temporary name, and removes one that a killed backup has left.
    ///
    /// # Errors
    ///
    /// When `to` exists and is not empty, or is not writable.
    pub fn prepare(to: &Path) -> Result<Self, TargetError> {
        let failed = |source| TargetError::NotWritable { path: to.to_owned(), source };
        // The components drop a slash at the end.
        let absolute: PathBuf = std::path::absolute(to).map_err(failed)?.components().collect();
        let no_name = || failed(io::ErrorKind::InvalidInput.into());
        let (parent, name) = absolute.parent().zip(absolute.file_name()).ok_or_else(no_name)?;
        match fs::read_dir(&absolute).map(|mut entries| entries.next().is_some()) {
            Ok(true) => return Err(TargetError::NotEmpty(to.to_owned())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let unfinished = parent.join(format!(".{}.unfinished", name.to_string_lossy()));
        match fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let mut builder = DirBuilder::new();
        builder.mode(DIRECTORY_MODE).recursive(true).create(&unfinished).map_err(failed)?;
        Ok(Self { parent: parent.to_owned(), to: absolute, unfinished, is_finished: false })
    }

    /// The directory under its temporary name.
    pub fn unfinished(&self) -> &Path {
        &self.unfinished
    }

    /// Writes the file with the fleet id.
    pub fn write_fleet_id(&self, id: &str) -> Result<(), TargetError> {
        let path = self.unfinished.join(FLEET_ID);
        let failed = |source| TargetError::NotWritable { path: path.clone(), source };
        let mut file = open_private(File::options().write(true).create_new(true), &path).map_err(failed)?;
        writeln!(file, "{id}").map_err(failed)
    }

    /// Syncs the directory to the disk, and gives it its name.
    ///
    /// # Errors
    ///
    /// When that fails; then the directory is removed.
    pub fn finish(mut self) -> Result<(), TargetError> {
        let renamed = File::open(&self.unfinished)
            .and_then(|directory| directory.sync_all())
            .and_then(|()| fs::rename(&self.unfinished, &self.to));
        let failed = |source| TargetError::NotWritable { path: self.to.clone(), source };
        renamed.map_err(failed)?;
        self.is_finished = true;
        File::open(&self.parent).and_then(|parent| parent.sync_all()).map_err(failed)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.is_finished {
            let _ = fs::remove_dir_all(&self.unfinished);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backup_goes_into_an_empty_directory_or_a_new_one() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["new", "deep/below", "empty"] {
            let to = directory.path().join(name);
            if name == "empty" {
                fs::create_dir(&to).unwrap();
            }
            let target = Target::prepare(&to).unwrap();
            fs::write(target.unfinished().join("book.db"), "x").unwrap();
            target.finish().unwrap();
            assert_eq!(fs::read_to_string(to.join("book.db")).unwrap(), "x");
            assert!(matches!(Target::prepare(&to), Err(TargetError::NotEmpty(_))));
        }
    }

    #[test]
    fn backup_that_fails_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let target = Target::prepare(&directory.path().join("new")).unwrap();
        fs::write(target.unfinished().join("book.db"), "x").unwrap();
        drop(target);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

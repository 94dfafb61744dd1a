//! What is checked of a backup before anything is written.

use std::fs;
use std::path::{Path, PathBuf};

use crate::backup::manifest::{FLEET_ID, MANIFEST, Manifest, ManifestError};
use crate::backup::names::NAMES;

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("the backup {} is in the data directory that it would replace; move it out first", .0.display())]
    Inside(PathBuf),
    #[error("the backup is damaged: {} is not a regular file", .0.display())]
    NotRegular(PathBuf),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error("the backup is of a newer version: {0} has migration {1}, and this version ends at {2}")]
    Newer(&'static str, i64, i64),
}

/// # Errors
///
/// [`SourceError::Inside`] when `from` is the data directory or in it, whatever it is called.
pub fn is_outside(from: &Path, data_dir: &Path) -> Result<(), SourceError> {
    match (fs::canonicalize(from), fs::canonicalize(data_dir)) {
        (Ok(real), Ok(data_dir)) if real.starts_with(&data_dir) => Err(SourceError::Inside(from.to_owned())),
        _ => Ok(()),
    }
}

/// Whether both are the same directory.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path| fs::canonicalize(path).ok();
    one == other || real(one).is_some_and(|one| real(other) == Some(one))
}

/// The manifest of the backup in `from`, whose files are as it says.
///
/// # Errors
///
/// When it is no backup, is damaged, or is of a newer version.
pub fn verified(from: &Path) -> Result<Manifest, SourceError> {
    let databases = NAMES.map(|name| format!("{name}.db"));
    for name in databases.iter().map(String::as_str).chain([MANIFEST, FLEET_ID]) {
        // To open a pipe would wait for its writer.
        let path = from.join(name);
        if fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(SourceError::NotRegular(path));
        }
    }
    let manifest = Manifest::verified(from)?;
    is_not_newer(&manifest)?;
    Ok(manifest)
}

/// A service refuses a schema that is newer than it is; here that is found before anything is moved.
fn is_not_newer(manifest: &Manifest) -> Result<(), SourceError> {
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
            return Err(SourceError::Newer(name, saved, last));
        }
    }
    Ok(())
}

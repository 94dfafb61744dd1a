//! Checks a backup before anything is written.

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
    #[error(
        "the backup is of a newer version: {0} has migration {1}, but this version knows migrations up to {2}"
    )]
    Newer(&'static str, i64, i64),
}

/// Checks that `from` is outside of the data directory.
///
/// # Errors
///
/// [`SourceError::Inside`] if it is the data directory or in it, also through links.
pub fn is_outside(from: &Path, data_dir: &Path) -> Result<(), SourceError> {
    match (fs::canonicalize(from), fs::canonicalize(data_dir)) {
        (Ok(real), Ok(data_dir)) if real.starts_with(&data_dir) => Err(SourceError::Inside(from.to_owned())),
        _ => Ok(()),
    }
}

/// Returns true if both paths lead to the same directory.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path| fs::canonicalize(path).ok();
    one == other || real(one).is_some_and(|one| real(other) == Some(one))
}

/// Compares the backup in `from` with its manifest, and returns the manifest.
///
/// # Errors
///
/// When it is not a backup, is damaged, or is of a newer version.
pub fn verified(from: &Path) -> Result<Manifest, SourceError> {
    let databases = NAMES.map(|name| format!("{name}.db"));
    for name in databases.iter().map(String::as_str).chain([MANIFEST, FLEET_ID]) {
        // Opening a pipe would wait for its writer.
        let path = from.join(name);
        if fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(SourceError::NotRegular(path));
        }
    }
    let manifest = Manifest::verified(from)?;
    is_not_newer(&manifest)?;
    Ok(manifest)
}

/// Checks the schema of each database. A service would refuse a newer one too, but only after files were
/// moved.
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

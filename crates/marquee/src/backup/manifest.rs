//! The manifest of a backup: a JSON file that describes its contents, written last.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::names::NAMES;
use crate::data_dir::open_private;

/// The name of the manifest's file.
pub const MANIFEST: &str = "manifest.json";
/// The name of the file with the fleet id.
pub const FLEET_ID: &str = "fleet-id";
/// The format version, raised when earlier programs could misread a backup.
const FORMAT: u32 = 1;
/// Maximum length of a manifest, which has a line for each table and file.
const MANIFEST_MAX_BYTES: u64 = 1024 * 1024;
const CHUNK_BYTES: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    format: u32,
    pub taken_at: Timestamp,
    /// Version of the program that took the backup.
    pub version: String,
    /// The fleet id, which is the fleet's name at the payment provider.
    pub fleet_id: Option<String>,
    pub bookings: i64,
    /// Position after the last record of the event log.
    pub log_end: i64,
    pub files: BTreeMap<String, Saved>,
}

/// One file of a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Saved {
    pub bytes: u64,
    /// The checksum in hexadecimal digits.
    pub sha256: String,
    /// The last migration of the database; 0 for other files.
    pub migration: i64,
    /// The highest id that each table has assigned.
    pub last_ids: BTreeMap<String, i64>,
}

#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("cannot use {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is not a backup: it has no file {MANIFEST}", .0.display())]
    NoBackup(PathBuf),
    #[error("{} is damaged: it is not the manifest of a backup", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("the backup in {} has format {format}, but this version reads format {FORMAT}", path.display())]
    Format { path: PathBuf, format: u32 },
    #[error("the backup is damaged: {} has changed since it was saved", .0.display())]
    Damaged(PathBuf),
    #[error("the backup is incomplete: its manifest does not name {0}")]
    Missing(String),
}

impl Manifest {
    /// Creates the manifest of a backup taken now. [`seal`](Self::seal) adds the checksums.
    pub fn new(bookings: i64, log_end: i64, files: BTreeMap<String, Saved>) -> Self {
        Self {
            format: FORMAT,
            taken_at: Timestamp::now(),
            version: process::VERSION.to_owned(),
            fleet_id: None,
            bookings,
            log_end,
            files,
        }
    }

    /// Syncs the files in `directory` to the disk, and then writes the manifest with their checksums.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or written.
    pub fn seal(&mut self, directory: &Path) -> Result<(), ManifestError> {
        if self.fleet_id.is_some() {
            self.files.insert(FLEET_ID.to_owned(), Saved::default());
        }
        for (name, saved) in &mut self.files {
            let path = directory.join(name);
            let failed = |source| ManifestError::File { path: path.clone(), source };
            File::open(&path).and_then(|file| file.sync_all()).map_err(failed)?;
            (saved.sha256, saved.bytes) = sum(&path).map_err(failed)?;
        }
        let path = directory.join(MANIFEST);
        let text = serde_json::to_string_pretty(self).expect("numbers and text under text keys");
        let written = open_private(File::options().write(true).create_new(true), &path)
            .and_then(|mut file| writeln!(file, "{text}").and_then(|()| file.sync_all()));
        written.map_err(|source| ManifestError::File { path, source })
    }

    /// Reads the manifest of the backup in `directory`, and compares every file with it.
    ///
    /// # Errors
    ///
    /// When it is not a backup, or a file is missing or has changed.
    pub fn verified(directory: &Path) -> Result<Self, ManifestError> {
        let path = directory.join(MANIFEST);
        let text = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ManifestError::NoBackup(directory.to_owned()));
            }
            Err(source) => return Err(ManifestError::File { path, source }),
            Ok(file) => io::read_to_string(file.take(MANIFEST_MAX_BYTES)),
        };
        let text = text.map_err(|source| ManifestError::File { path: path.clone(), source })?;
        let manifest: Self = serde_json::from_str(&text)
            .map_err(|source| ManifestError::Unreadable { path: path.clone(), source })?;
        if manifest.format != FORMAT {
            return Err(ManifestError::Format { path: directory.to_owned(), format: manifest.format });
        }
        for name in manifest.expected() {
            let saved = manifest.files.get(&name).ok_or(ManifestError::Missing(name.clone()))?;
            saved.compare(&directory.join(name))?;
        }
        Ok(manifest)
    }

    /// The names of the files of a backup. A manifest may name others, which are ignored.
    pub fn expected(&self) -> Vec<String> {
        let databases = NAMES.iter().map(|name| format!("{name}.db"));
        databases.chain(self.fleet_id.as_ref().map(|_| FLEET_ID.to_owned())).collect()
    }
}

impl Saved {
    /// Compares the file at `path` with this description.
    ///
    /// # Errors
    ///
    /// When they differ.
    pub fn compare(&self, path: &Path) -> Result<(), ManifestError> {
        let bytes = fs::metadata(path).map(|metadata| metadata.len());
        let is_same = bytes.is_ok_and(|bytes| bytes == self.bytes)
            && sum(path).is_ok_and(|(sha256, _)| sha256 == self.sha256);
        if is_same { Ok(()) } else { Err(ManifestError::Damaged(path.to_owned())) }
    }
}

/// The SHA-256 checksum of a file, and its length.
fn sum(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let (mut chunk, mut length) = (vec![0; CHUNK_BYTES], 0);
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        length += read as u64;
    }
    let mut text = String::new();
    for byte in hash.finalize() {
        write!(text, "{byte:02x}").expect("a string takes all text");
    }
    Ok((text, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let mut files = BTreeMap::new();
        for name in NAMES {
            fs::write(directory.path().join(format!("{name}.db")), name).unwrap();
            files.insert(format!("{name}.db"), Saved::default());
        }
        Manifest::new(7, 40, files).seal(directory.path()).unwrap();
        directory
    }

    #[test]
    fn sealed_backup_is_read_back() {
        let directory = backup();
        let manifest = Manifest::verified(directory.path()).unwrap();
        assert_eq!((manifest.bookings, manifest.log_end, manifest.files.len()), (7, 40, 6));
        let saved = &manifest.files["book.db"];
        let sha256 = "92719fe0cf8cd51592af31ee8a5736d79f7273777fa3f7b70bfe993a4cd32180";
        assert_eq!((saved.bytes, saved.sha256.as_str()), (4, sha256));
    }

    #[test]
    fn changed_file_is_named() {
        for change in ["changed", "BOOK", ""] {
            let directory = backup();
            fs::write(directory.path().join("book.db"), change).unwrap();
            let error = Manifest::verified(directory.path()).unwrap_err().to_string();
            assert!(error.contains("damaged") && error.contains("book.db"), "{error}");
        }
        let directory = backup();
        fs::remove_file(directory.path().join("events.db")).unwrap();
        assert!(Manifest::verified(directory.path()).unwrap_err().to_string().contains("events.db"));
    }

    #[test]
    fn directory_without_a_manifest_and_a_newer_format_are_refused() {
        let directory = backup();
        let path = directory.path().join(MANIFEST);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\"format\": 1", "\"format\": 2")).unwrap();
        assert!(matches!(Manifest::verified(directory.path()), Err(ManifestError::Format { format: 2, .. })));
        fs::remove_file(&path).unwrap();
        assert!(matches!(Manifest::verified(directory.path()), Err(ManifestError::NoBackup(_))));
    }
}

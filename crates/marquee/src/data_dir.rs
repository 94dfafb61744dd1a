//! The data directory.
//!
//! ```text
//! <data-dir>/book.db …        one database a service
//! <data-dir>/events.db        the event log
//! <data-dir>/logs/<name>.log  what each process printed
//! <data-dir>/run/<name>.pid   its process id while it runs
//! <data-dir>/run/<name>.lock  held by it; run/fleet.lock by the launcher
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use reqwest::Url;

/// A data directory that exists and can be written to.
#[derive(Clone, Debug)]
pub struct DataDir {
    /// As the user wrote it, for messages.
    shown: PathBuf,
    /// Absolute, for the processes.
    root: PathBuf,
}

/// A part of the directory taken for this process. The operating system frees it however the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error("cannot write to the data directory {}", path.display())]
    NotWritable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the data directory {} is in use: {what} runs on it{}", path.display(), process(pid))]
    InUse { what: String, path: PathBuf, pid: Option<u32> },
}

fn process(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" as process {pid}")).unwrap_or_default()
}

impl DataDir {
    /// Creates what is not there yet.
    ///
    /// # Errors
    ///
    /// [`DataDirError::NotWritable`].
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let not_writable = |source| DataDirError::NotWritable { path: path.to_owned(), source };
        let directory =
            Self { shown: path.to_owned(), root: std::path::absolute(path).map_err(not_writable)? };
        directory.prepare().map_err(not_writable)?;
        Ok(directory)
    }

    fn prepare(&self) -> io::Result<()> {
        fs::create_dir_all(self.root.join("run"))?;
        fs::create_dir_all(self.root.join("logs"))?;
        // The databases are created by the processes; better to fail here than in five of them at once.
        let probe = self.root.join(format!("run/.probe-{}", std::process::id()));
        let moved = self.root.join(format!(".probe-{}", std::process::id()));
        File::create(&probe)?.write_all(b"x")?;
        fs::rename(&probe, &moved)?;
        fs::remove_file(&moved)
    }

    /// Takes the part `name` for as long as the lock lives.
    ///
    /// # Errors
    ///
    /// [`DataDirError::InUse`] when another process has it.
    pub fn lock(&self, name: &str) -> Result<Lock, DataDirError> {
        let not_writable = |source| DataDirError::NotWritable { path: self.shown.clone(), source };
        let path = self.root.join("run").join(format!("{name}.lock"));
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(not_writable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                return Err(DataDirError::InUse {
                    what: name.to_owned(),
                    path: self.shown.clone(),
                    pid: holder.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(not_writable(source)),
        }
        write_own_pid(&mut file).map_err(not_writable)?;
        Ok(Lock { _file: file })
    }

    /// `sqlite://` and the absolute path, escaped as in any URL.
    pub fn database_url(&self, name: &str) -> String {
        let file = self.root.join(format!("{name}.db"));
        let url = Url::from_file_path(file).expect("the root is absolute");
        format!("sqlite://{}", url.path())
    }

    /// Where `name` writes what it prints.
    pub fn log_file(&self, name: &str) -> PathBuf {
        self.root.join("logs").join(format!("{name}.log"))
    }

    pub fn pid_file(&self, name: &str) -> PathBuf {
        self.root.join("run").join(format!("{name}.pid"))
    }
}

fn write_own_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_names_the_process_that_has_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(directory.path()).unwrap();
        let held = data_dir.lock("fleet").unwrap();
        let refused = data_dir.lock("fleet").unwrap_err().to_string();
        assert!(
            refused.ends_with(&format!("fleet runs on it as process {}", std::process::id())),
            "{refused}"
        );
        drop(held);
        assert!(data_dir.lock("fleet").is_ok());
    }

    #[test]
    fn a_path_with_spaces_and_signs_is_escaped_in_the_url() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(&directory.path().join("my data? 100%")).unwrap();
        let url = data_dir.database_url("book");
        assert!(url.ends_with("/my%20data%3F%20100%25/book.db"), "{url}");
        assert!(url.starts_with("sqlite:///"), "{url}");
    }
}

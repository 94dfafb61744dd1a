//! The data directory.
//!
//! ```text
//! <data-dir>/book.db …        one database for each service
//! <data-dir>/events.db        the event log
//! <data-dir>/fleet-id         the name of this installation at the payment provider
//! <data-dir>/logs/<name>.log  the output of each process
//! <data-dir>/run/<name>.pid   the id of each running process
//! <data-dir>/run/<name>.lock  locked by each running process; run/fleet.lock by the launcher or a restore, and
//!                             run/launcher.lock by the launcher
//! <data-dir>/run/fleet.json   the settings that the processes were started with
//! <data-dir>/control/…        the sockets through which a backup holds back requests
//! <data-dir>/restore.json     the mark of an unfinished restore
//! ```
//!
//! Bookings are personal data, so only the owner can read and write the directory: directories have mode 0700
//! and files
//! 0600. Wider permissions, left by an earlier version, are removed. A symbolic link could lead a privileged
//!       process to another user's file, so links inside the directory, and one in its place, are refused.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use reqwest::Url;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, geteuid, test_kill_process, umask};
use uuid::Uuid;

use crate::shell::shell;

pub const DEFAULT_DATA_DIR: &str = "./data";
pub const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The permissions of the group and of others, which no file of the fleet grants.
const OTHERS: u32 = 0o077;
/// The suffixes of database files. SQLite adds the second to fourth, and a service the locks of its relay and
/// of a rebuild.
const DATABASE_FILES: [&str; 6] =
    [".db", ".db-wal", ".db-shm", ".db-journal", ".db-relay.lock", ".db-rebuild.lock"];

const FLEET_ID_FILE: &str = "fleet-id";
/// Maximum length of a fleet id, in characters.
const FLEET_ID_MAX: usize = 32;
/// Random hexadecimal digits of a new fleet id. They are enough to distinguish the fleets that share a
/// provider.
const FLEET_ID_DIGITS: usize = 12;
const SMALL_FILE_BYTES: u64 = 1024;

/// A data directory that exists, belongs to this user, and is writable.
#[derive(Clone, Debug)]
pub struct DataDir {
    /// The path as the user wrote it, for messages.
    shown: PathBuf,
    /// The absolute path, for the processes.
    root: PathBuf,
}

/// A lock on a part of the directory. The operating system releases it however the process ends.
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
    #[error(
        "{} is a symbolic link, and marquee does not follow links in its data directory; \
         remove the link, or give the directory itself with --data-dir",
        path.display()
    )]
    Link { path: PathBuf },
    #[error(
        "{} belongs to user {owner}, and this process runs as user {user}; \
         run marquee as user {owner}, or choose another directory with --data-dir",
        path.display()
    )]
    Foreign { path: PathBuf, owner: u32, user: u32 },
    #[error(
        "{} does not contain a fleet id, which has 1 to 32 characters of a-z, 0-9 and '-'; restore the file from a backup, \
         because the payment provider knows the charges of this fleet by that id",
        path.display()
    )]
    NoFleetId { path: PathBuf },
    #[error("{}", unfinished(from, *is_undone))]
    RestoreUnfinished { from: PathBuf, is_undone: bool },
    #[error("there is no data directory {}: has a fleet run there? See --data-dir", .0.display())]
    Missing(PathBuf),
    #[error(
        "the data directory {} is in use: {what} runs on it{}; stop it with: {}",
        path.display(), process(pid), stop_command(path)
    )]
    InUse { what: String, path: PathBuf, pid: Option<u32> },
}

fn process(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" as process {pid}")).unwrap_or_default()
}

/// The flag that selects the data directory `path`; none if it is the default.
pub fn flag_for(path: &Path) -> Vec<OsString> {
    let is_default = path.components().eq(Path::new(DEFAULT_DATA_DIR).components());
    if is_default { Vec::new() } else { vec!["--data-dir".into(), path.into()] }
}

/// The command that stops what runs on the data directory `path`.
pub fn stop_command(path: &Path) -> String {
    let mut words: Vec<OsString> = vec!["marquee".into(), "stop".into()];
    words.extend(flag_for(path));
    shell(&words)
}

fn unfinished(from: &Path, is_undone: bool) -> String {
    let from = from.display();
    if is_undone {
        format!(
            "undoing a restore of {from} is unfinished, and the fleet does not start until it is complete; run it again: \
             marquee restore --undo"
        )
    } else {
        format!(
            "a restore of {from} is unfinished, and the fleet does not start until it is complete; run it again: \
             marquee restore --from {from}; or undo it: marquee restore --undo"
        )
    }
}

/// Makes every new file of this process and its children private to this user, including files that a library
/// such as SQLite creates.
pub fn keep_new_files_private() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Opens a file of the data directory; a new one has mode 0600.
///
/// # Errors
///
/// As of [`OpenOptions::open`], and when `path` is a symbolic link.
pub fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.mode(FILE_MODE).custom_flags(flags(OFlags::NOFOLLOW)).open(path)
}

fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

impl DataDir {
    /// Creates the directory, or removes the permissions of others from an existing one.
    ///
    /// # Errors
    ///
    /// [`DataDirError::NotWritable`], [`DataDirError::Link`] and [`DataDirError::Foreign`].
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let not_writable = |source| DataDirError::NotWritable { path: path.to_owned(), source };
        // With a slash at the end of the path, the system would follow a link in spite of O_NOFOLLOW.
        let shown: PathBuf = path.components().collect();
        let root = std::path::absolute(&shown).map_err(not_writable)?;
        let directory = Self { shown, root };
        for part in ["", "run", "logs", "control"] {
            directory.secure(part)?;
        }
        directory.probe().map_err(not_writable)?;
        Ok(directory)
    }

    /// Opens a directory that exists, for a command that creates none.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`DataDirError::Missing`].
    pub fn open_existing(path: &Path) -> Result<Self, DataDirError> {
        if fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Err(DataDirError::Missing(path.to_owned()));
        }
        Self::open(path)
    }

    /// Makes one directory and its files private. The directory comes first, so that other users can no
    /// longer replace its files.
    fn secure(&self, part: &str) -> Result<(), DataDirError> {
        let path = if part.is_empty() { self.root.clone() } else { self.root.join(part) };
        let shown = if part.is_empty() { self.shown.clone() } else { self.shown.join(part) };
        let refused = |source| self.refusal(&path, &shown, source);
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(&path).map_err(refused)?;
        let directory = File::options()
            .read(true)
            .custom_flags(flags(OFlags::NOFOLLOW | OFlags::DIRECTORY))
            .open(&path)
            .map_err(refused)?;
        let metadata = directory.metadata().map_err(refused)?;
        owned_by_this_user(&metadata, &shown)?;
        if metadata.mode() & OTHERS != 0 {
            directory.set_permissions(Permissions::from_mode(DIRECTORY_MODE)).map_err(refused)?;
        }
        for entry in fs::read_dir(&path).map_err(refused)? {
            let entry = entry.map_err(refused)?;
            let name = entry.file_name();
            if part.is_empty() && !is_database(&name.to_string_lossy()) {
                continue;
            }
            secure_file(&entry.path(), &shown.join(&name)).map_err(|error| match error {
                FileError::Refused(error) => error,
                FileError::Failed(source) => refused(source),
            })?;
        }
        Ok(())
    }

    /// The reason why `path` cannot be used. A link or another owner explains more than the system's error.
    fn refusal(&self, path: &Path, shown: &Path, source: io::Error) -> DataDirError {
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_symlink() => DataDirError::Link { path: shown.to_owned() },
            Ok(metadata) => match owned_by_this_user(&metadata, shown) {
                Err(foreign) => foreign,
                Ok(()) => DataDirError::NotWritable { path: self.shown.clone(), source },
            },
            Err(_) => DataDirError::NotWritable { path: self.shown.clone(), source },
        }
    }

    /// Checks that files can be created: one error here is clearer than one from each process.
    fn probe(&self) -> io::Result<()> {
        let probe = self.root.join(format!("run/.probe-{}", std::process::id()));
        let moved = self.root.join(format!(".probe-{}", std::process::id()));
        open_private(File::options().write(true).create(true).truncate(true), &probe)?.write_all(b"x")?;
        fs::rename(&probe, &moved)?;
        fs::remove_file(&moved)
    }

    /// Locks the part `name` until the lock is dropped.
    ///
    /// # Errors
    ///
    /// [`DataDirError::InUse`] if another process holds the lock.
    pub fn lock(&self, name: &str) -> Result<Lock, DataDirError> {
        let not_writable = |source| DataDirError::NotWritable { path: self.shown.clone(), source };
        let place = Path::new("run").join(format!("{name}.lock"));
        let path = self.root.join(&place);
        let mut file =
            open_private(File::options().read(true).write(true).create(true).truncate(false), &path)
                .map_err(|source| self.refusal(&path, &self.shown.join(&place), source))?;
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

    /// The id of the process that holds the lock `name`, if one does.
    pub fn holder(&self, name: &str) -> Option<u32> {
        let path = self.root.join("run").join(format!("{name}.lock"));
        let pid: u32 = read_private(&path).ok()?.trim().parse().ok()?;
        // Most locks that nobody holds name an ended process. Only the others are tried, because a trial could
        // meet a process that claims the lock in this moment.
        test_kill_process(Pid::from_raw(pid.try_into().ok()?)?).ok()?;
        let file = open_private(File::options().read(true), &path).ok()?;
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)).then_some(pid)
    }

    /// Waits for the lock on the settings of the fleet.
    ///
    /// # Errors
    ///
    /// When the system refuses it.
    pub fn lock_settings(&self) -> io::Result<Lock> {
        let path = self.root.join("run/settings.lock");
        let file = open_private(File::options().write(true).create(true).truncate(false), &path)?;
        file.lock()?;
        Ok(Lock { _file: file })
    }

    /// The name of this installation at the payment provider. It is created once and kept, because the
    /// provider knows earlier charges by it.
    ///
    /// # Errors
    ///
    /// [`DataDirError::NotWritable`], [`DataDirError::Link`] and [`DataDirError::NoFleetId`].
    pub fn fleet_id(&self) -> Result<String, DataDirError> {
        if let Some(id) = self.known_fleet_id()? {
            return Ok(id);
        }
        let path = self.root.join(FLEET_ID_FILE);
        let refused = |source| self.refusal(&path, &self.shown.join(FLEET_ID_FILE), source);
        self.create_fleet_id(&path).map_err(refused)?;
        self.known_fleet_id()?.ok_or_else(|| refused(io::ErrorKind::NotFound.into()))
    }

    /// The name of this installation at the payment provider, if it was created before.
    ///
    /// # Errors
    ///
    /// As [`fleet_id`](Self::fleet_id).
    pub fn known_fleet_id(&self) -> Result<Option<String>, DataDirError> {
        let path = self.root.join(FLEET_ID_FILE);
        let text = match read_private(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|source| self.refusal(&path, &self.shown.join(FLEET_ID_FILE), source))?,
        };
        let id = text.trim();
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=FLEET_ID_MAX).contains(&id.len()) && id.bytes().all(is_plain) {
            Ok(Some(id.to_owned()))
        } else {
            Err(DataDirError::NoFleetId { path: self.shown.join(FLEET_ID_FILE) })
        }
    }

    /// Writes a temporary file and links it, so that two processes that create the name at once both get the
    /// first one.
    fn create_fleet_id(&self, path: &Path) -> io::Result<()> {
        let unfinished = self.root.join(format!("run/.fleet-id-{}", std::process::id()));
        let mut file = open_private(File::options().write(true).create(true).truncate(true), &unfinished)?;
        let random = Uuid::new_v4().simple().to_string();
        writeln!(file, "{}", &random[..FLEET_ID_DIGITS])?;
        file.sync_all()?;
        let linked = match fs::hard_link(&unfinished, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        };
        fs::remove_file(&unfinished)?;
        linked?;
        File::open(&self.root)?.sync_all()
    }

    /// The URL of the database `name`: `sqlite://` and its absolute path, escaped.
    pub fn database_url(&self, name: &str) -> String {
        self.database_url_in(&self.root, name)
    }

    /// Like [`database_url`](Self::database_url), in another directory, whose path is absolute.
    pub fn database_url_in(&self, directory: &Path, name: &str) -> String {
        let file = directory.join(format!("{name}.db"));
        let url = Url::from_file_path(file).expect("the root is absolute");
        format!("sqlite://{}", url.path())
    }

    /// The log file of the process `name`.
    pub fn log_file(&self, name: &str) -> PathBuf {
        self.root.join("logs").join(format!("{name}.log"))
    }

    /// The socket through which the process `name` is asked to hold back requests.
    pub fn control_socket(&self, name: &str) -> PathBuf {
        self.root.join("control").join(format!("{name}.sock"))
    }

    /// The file with the settings that the processes were started with.
    pub fn settings_file(&self) -> PathBuf {
        self.root.join("run/fleet.json")
    }

    /// The file with the address at which the launcher receives the spans of the fleet.
    pub fn collector_file(&self) -> PathBuf {
        self.root.join("run/collector")
    }

    /// The path of the directory as the user wrote it.
    pub fn shown(&self) -> &Path {
        &self.shown
    }

    /// The absolute path of the directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn pid_file(&self, name: &str) -> PathBuf {
        self.root.join("run").join(format!("{name}.pid"))
    }
}

/// Reads a small file of the data directory.
fn read_private(path: &Path) -> io::Result<String> {
    let file = open_private(File::options().read(true), path)?;
    let mut text = String::new();
    file.take(SMALL_FILE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn write_own_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// A file was refused, or the system could not read its metadata.
enum FileError {
    Refused(DataDirError),
    Failed(io::Error),
}

/// Removes the permissions of others from a file. It uses the path, because SQLite loses its locks on a file
/// that the same process opens and closes again.
fn secure_file(path: &Path, shown: &Path) -> Result<(), FileError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        // A process of this fleet has ended and removed its file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(FileError::Failed(error)),
    };
    if metadata.is_symlink() {
        return Err(FileError::Refused(DataDirError::Link { path: shown.to_owned() }));
    }
    owned_by_this_user(&metadata, shown).map_err(FileError::Refused)?;
    if metadata.is_file() && metadata.mode() & OTHERS != 0 {
        match fs::set_permissions(path, Permissions::from_mode(FILE_MODE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => outcome.map_err(FileError::Failed)?,
        }
    }
    Ok(())
}

fn owned_by_this_user(metadata: &fs::Metadata, shown: &Path) -> Result<(), DataDirError> {
    let (owner, user) = (metadata.uid(), geteuid().as_raw());
    if owner == user { Ok(()) } else { Err(DataDirError::Foreign { path: shown.to_owned(), owner, user }) }
}

fn is_database(name: &str) -> bool {
    DATABASE_FILES.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests;

//! Explains to operators why a database cannot be used, and what to do about it.

use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::geteuid;
use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

use crate::error::Error;
use crate::url::{DatabaseUrl, Server};

impl DatabaseUrl {
    /// Explains in one line why opening or migrating this database failed, and what to do about it.
    pub fn explain(&self, error: &Error) -> String {
        match error {
            Error::Unavailable(error) | Error::Refused(error) | Error::Statement(error) => {
                self.explain_sqlx(error)
            }
            Error::Migration(error) => self.explain_migration(error),
            Error::InDoubt(error) => self.explain(error),
            Error::Deadline | Error::NotMigrated(_) | Error::Corrupt { .. } => error.to_string(),
        }
    }

    fn explain_sqlx(&self, error: &sqlx::Error) -> String {
        match (error, self.server()) {
            (sqlx::Error::Io(error), Some(server)) => network_failure(error, server),
            (sqlx::Error::PoolTimedOut, Some(server)) => format!("no answer from {}", server.address),
            (sqlx::Error::Tls(error), Some(server)) => {
                format!("TLS with {} failed (sslmode, sslrootcert): {error}", server.address)
            }
            (sqlx::Error::Database(error), Some(server)) => server_failure(error.as_ref(), server),
            (sqlx::Error::Database(error), None) => {
                let obstacle = self.file().filter(|_| is_about_access(error.as_ref()));
                let obstacle = obstacle.and_then(|file| obstacle_to(&file));
                obstacle.unwrap_or_else(|| file_failure(error.as_ref()))
            }
            _ => error.to_string(),
        }
    }

    fn explain_migration(&self, error: &MigrateError) -> String {
        match error {
            MigrateError::VersionMissing(version) => format!(
                "the schema is newer than this program, which does not know migration {version}: \
                 run the version that created it, or a later one"
            ),
            MigrateError::VersionMismatch(version) => {
                format!(
                    "the schema was created by another program: its migration {version} differs from this program's"
                )
            }
            MigrateError::Execute(error) => self.explain_sqlx(error),
            MigrateError::ExecuteMigration(error, version) => {
                format!("migration {version} failed: {}", self.explain_sqlx(error))
            }
            other => other.to_string(),
        }
    }
}

fn network_failure(error: &io::Error, Server { address, host, .. }: &Server) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("no server listens on {address}"),
        io::ErrorKind::NotFound => {
            format!("a file does not exist (the socket, sslrootcert, sslcert or sslkey): {error}")
        }
        // Errors of the resolver have no error kind.
        _ if error.to_string().contains("lookup address") => {
            format!("host {host} cannot be resolved: {error}")
        }
        // An error of rustls about a certificate.
        io::ErrorKind::InvalidData => format!("TLS with {address} failed (sslmode, sslrootcert): {error}"),
        _ => format!("no answer from {address}: {error}"),
    }
}

fn server_failure(error: &dyn DatabaseError, Server { user, database, .. }: &Server) -> String {
    match error.code().as_deref() {
        Some("28P01") => format!("the server rejects the password of user {user}"),
        Some("28000") => format!("the server rejects user {user}: {}", error.message()),
        Some("3D000") => {
            format!(
                "database {database} does not exist on the server; create it with CREATE DATABASE \"{database}\""
            )
        }
        _ => format!("the server reports: {}", error.message()),
    }
}

/// SQLite's primary code: <https://www.sqlite.org/rescode.html>.
fn primary_code(error: &dyn DatabaseError) -> Option<u32> {
    error.code().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff)
}

/// Whether a file cannot be written (`SQLITE_READONLY`) or opened (`SQLITE_CANTOPEN`).
fn is_about_access(error: &dyn DatabaseError) -> bool {
    matches!(primary_code(error), Some(8 | 14))
}

fn file_failure(error: &dyn DatabaseError) -> String {
    match primary_code(error) {
        Some(8) => "the file or its directory is not writable".to_owned(),
        Some(14) => {
            "the file cannot be opened; check that its directory exists and that both are writable".to_owned()
        }
        Some(26) => "the file is not an SQLite database".to_owned(),
        _ => error.message().to_owned(),
    }
}

/// Finds out why this user cannot create or write the database `file`, and what to do about it. SQLite reports
/// neither the directory nor the cause. Returns `None` if nothing is in the way.
fn obstacle_to(file: &Path) -> Option<String> {
    let directory = file.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let (shown, user) = (directory.display(), geteuid().as_raw());
    match fs::metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Some(format!("the directory {shown} does not exist: create it for user {user}"));
        }
        Err(error) => return Some(format!("user {user} cannot use the directory {shown}: {error}")),
        Ok(found) if !found.is_dir() => return Some(format!("{shown} is not a directory")),
        Ok(found) => {
            // SQLite creates files beside the database, so the directory must be writable too.
            let probe = directory.join(format!(".probe-{}", std::process::id()));
            let probed = OpenOptions::new().write(true).create(true).truncate(true).open(&probe);
            let _ = fs::remove_file(&probe);
            if let Err(error) = probed {
                return Some(refusal("directory", directory, &found, &error));
            }
        }
    }
    let found = fs::metadata(file).ok()?;
    let error = OpenOptions::new().read(true).write(true).open(file).err()?;
    Some(refusal("file", file, &found, &error))
}

fn refusal(what: &str, path: &Path, found: &Metadata, error: &io::Error) -> String {
    let (path, user, owner) = (path.display(), geteuid().as_raw(), found.uid());
    if error.kind() != io::ErrorKind::PermissionDenied {
        return format!("user {user} cannot write to the {what} {path}: {error}");
    }
    let remedy = if owner == user {
        format!("`chmod u+rwX {path}`")
    } else {
        format!("`chown {user} {path}` as root")
    };
    let mode = found.mode() & 0o7777;
    format!(
        "user {user} may not write to the {what} {path}, which belongs to user {owner} and has mode {mode:04o}: run {remedy}, \
         or use another volume (k8s/README.md, \"Volumes\")"
    )
}

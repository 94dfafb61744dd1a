//! Why a database cannot be used, for the person who has to do something about it.

use std::io;

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

use crate::error::Error;
use crate::url::{DatabaseUrl, Server};

impl DatabaseUrl {
    /// One line on `error`, which opening or migrating this database has met: what is wrong, and what to do.
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
            (sqlx::Error::Io(error), Some(server)) => refused_by_network(error, server),
            (sqlx::Error::PoolTimedOut, Some(server)) => format!("no answer from {}", server.address),
            (sqlx::Error::Tls(error), Some(server)) => {
                format!("no TLS with {} (sslmode, sslrootcert): {error}", server.address)
            }
            (sqlx::Error::Database(error), Some(server)) => refused_by_server(error.as_ref(), server),
            (sqlx::Error::Database(error), None) => refused_by_file(error.as_ref()),
            _ => error.to_string(),
        }
    }

    fn explain_migration(&self, error: &MigrateError) -> String {
        match error {
            MigrateError::VersionMissing(version) => format!(
                "its schema is newer than this program, which does not know migration {version}: \
                 run the version that made it, or a later one"
            ),
            MigrateError::VersionMismatch(version) => {
                format!(
                    "its schema was made by another program: migration {version} is not the one known here"
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

fn refused_by_network(error: &io::Error, Server { address, host, .. }: &Server) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("no server listens on {address}"),
        io::ErrorKind::NotFound => {
            format!("a file is not there (the socket, sslrootcert, sslcert or sslkey): {error}")
        }
        // The resolver's errors have no kind of their own.
        _ if error.to_string().contains("lookup address") => {
            format!("there is no host {host}: {error}")
        }
        // What rustls says of a certificate comes wrapped.
        io::ErrorKind::InvalidData => format!("no TLS with {address} (sslmode, sslrootcert): {error}"),
        _ => format!("no answer from {address}: {error}"),
    }
}

fn refused_by_server(error: &dyn DatabaseError, Server { user, database, .. }: &Server) -> String {
    match error.code().as_deref() {
        Some("28P01") => format!("the server refuses the password of user {user}"),
        Some("28000") => format!("the server does not let user {user} in: {}", error.message()),
        Some("3D000") => {
            format!("there is no database {database} on the server; CREATE DATABASE \"{database}\" makes it")
        }
        _ => format!("the server refuses: {}", error.message()),
    }
}

/// Codes: <https://www.sqlite.org/rescode.html>; the low byte is the primary one.
fn refused_by_file(error: &dyn DatabaseError) -> String {
    let code = error.code().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
    match code {
        Some(8) => "the file, or its directory, cannot be written to".to_owned(),
        Some(14) => "the file cannot be opened: are its directory there, and both writable?".to_owned(),
        Some(26) => "the file is no SQLite database".to_owned(),
        _ => error.message().to_owned(),
    }
}

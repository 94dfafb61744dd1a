//! Parses `DATABASE_URL`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::sqlite::SqliteConnectOptions;

use crate::backend::Backend;

/// The URL of a database: `sqlite://<file>` or `postgres://user:password@host/name`.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    backend: Backend,
    url: String,
    shown: String,
    server: Option<Server>,
}

/// The parts of a PostgreSQL URL, with the defaults filled in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Server {
    /// `host:port`, or the directory of a socket.
    pub address: String,
    pub host: String,
    pub user: String,
    pub database: String,
}

/// A text is not a database URL. No message contains the URL, because it may contain a password.
#[derive(Debug, thiserror::Error)]
pub enum InvalidUrl {
    #[error("must start with sqlite:// or postgres://")]
    Scheme,
    #[error("is not a PostgreSQL URL: {0}")]
    Malformed(String),
    #[error("sslmode requires TLS, but this binary was built without TLS: build with --features tls")]
    NoTls,
}

impl DatabaseUrl {
    pub fn backend(&self) -> Backend {
        self.backend
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.url
    }

    /// The path of an SQLite database.
    pub fn file(&self) -> Option<PathBuf> {
        match self.backend {
            Backend::Sqlite => {
                let options: SqliteConnectOptions = self.url.parse().ok()?;
                Some(options.get_filename().to_owned())
            }
            Backend::Postgres => None,
        }
    }

    /// The server of a PostgreSQL database.
    pub(crate) fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    fn sqlite(url: &str) -> Self {
        // Create the file if it does not exist.
        let mark = if url.contains('?') { '&' } else { '?' };
        Self {
            backend: Backend::Sqlite,
            url: format!("{url}{mark}mode=rwc"),
            shown: url.to_owned(),
            server: None,
        }
    }

    fn postgres(url: &str) -> Result<Self, InvalidUrl> {
        let options: PgConnectOptions =
            url.parse().map_err(|error: sqlx::Error| InvalidUrl::Malformed(error.to_string()))?;
        let wants_tls = matches!(
            options.get_ssl_mode(),
            PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull
        );
        if wants_tls && !cfg!(feature = "tls") {
            return Err(InvalidUrl::NoTls);
        }
        let (host, user) = (options.get_host().to_owned(), options.get_username().to_owned());
        let server = Server {
            address: match options.get_socket() {
                Some(directory) => directory.display().to_string(),
                None => format!("{host}:{}", options.get_port()),
            },
            database: options.get_database().unwrap_or(&user).to_owned(),
            host,
            user,
        };
        Ok(Self {
            backend: Backend::Postgres,
            url: url.to_owned(),
            shown: format!("postgres://{}@{}/{}", server.user, server.address, server.database),
            server: Some(server),
        })
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidUrl;

    fn from_str(url: &str) -> Result<Self, InvalidUrl> {
        if url.strip_prefix("sqlite://").is_some_and(|file| !file.is_empty()) {
            Ok(Self::sqlite(url))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::postgres(url)
        } else {
            Err(InvalidUrl::Scheme)
        }
    }
}

/// Shows the user, the address and the database, but never the password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<DatabaseUrl, InvalidUrl> {
        text.parse()
    }

    #[test]
    fn scheme_selects_the_product() {
        assert_eq!(url("sqlite:///data/book.db").unwrap().backend(), Backend::Sqlite);
        assert_eq!(url("postgres://db/book").unwrap().backend(), Backend::Postgres);
        assert!(url("mysql://db/book").is_err());
        assert!(url("sqlite://").is_err());
    }

    #[test]
    fn password_is_never_shown() {
        for text in [
            "postgres://book:s3cret@db:5433/book",
            "postgres://book:s3cret%40@db:5433/book?sslmode=prefer",
            "postgresql://db:5433/book?user=book&password=s3cret@x",
        ] {
            let url = url(text).unwrap();
            assert_eq!(format!("{url} {url:?}"), "postgres://book@db:5433/book postgres://book@db:5433/book");
        }
        for text in ["postgres://book:s3cret@db:port/book", "mysql://book:s3cret@db/book"] {
            let error = url(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn url_that_requires_tls_is_rejected_by_a_binary_without_tls() {
        for mode in ["require", "verify-ca", "verify-full"] {
            let parsed = url(&format!("postgres://db/book?sslmode={mode}&sslrootcert=/ca.pem"));
            if cfg!(feature = "tls") {
                parsed.unwrap();
            } else {
                assert!(parsed.unwrap_err().to_string().ends_with("build with --features tls"));
            }
        }
        url("postgres://db/book?sslmode=disable").unwrap();
        assert!(url("postgres://db/book?sslmode=always").unwrap_err().to_string().contains("always"));
    }
}

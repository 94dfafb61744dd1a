//! `DATABASE_URL`.

use std::fmt;
use std::str::FromStr;

use crate::backend::Backend;

/// Which database: `sqlite://<file>` or `postgres://user:password@host/name`.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    backend: Backend,
    url: String,
}

/// Not a database URL.
#[derive(Debug, thiserror::Error)]
#[error("must start with sqlite:// or postgres://")]
pub struct InvalidUrl;

impl DatabaseUrl {
    pub fn backend(&self) -> Backend {
        self.backend
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.url
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidUrl;

    fn from_str(url: &str) -> Result<Self, InvalidUrl> {
        let (backend, url) = if url.starts_with("sqlite://") && url.len() > "sqlite://".len() {
            // A file that is not there yet is created.
            let mark = if url.contains('?') { '&' } else { '?' };
            (Backend::Sqlite, format!("{url}{mark}mode=rwc"))
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            (Backend::Postgres, url.to_owned())
        } else {
            return Err(InvalidUrl);
        };
        Ok(Self { backend, url })
    }
}

/// Without the password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.trim_end_matches("?mode=rwc");
        match (url.split_once("://"), url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => write!(f, "{scheme}://…@{host}"),
            _ => f.write_str(url),
        }
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

    #[test]
    fn the_scheme_picks_the_product() {
        let url = |text: &str| text.parse::<DatabaseUrl>();
        assert_eq!(url("sqlite:///data/book.db").unwrap().backend(), Backend::Sqlite);
        assert_eq!(url("postgres://db/book").unwrap().backend(), Backend::Postgres);
        assert!(url("mysql://db/book").is_err());
        assert!(url("sqlite://").is_err());
    }

    #[test]
    fn a_password_is_not_shown() {
        let url: DatabaseUrl = "postgres://book:s3cret@db:5432/book".parse().unwrap();
        assert_eq!(format!("{url} {url:?}").matches("s3cret").count(), 0);
    }
}

//! The settings that the processes of a data directory were started with: `run/fleet.json`.
//!
//! A process that is started alone takes them, so that it joins the fleet: its event log, its databases and its
//! ports. Passwords are not stored. A URL that had one must be given again, as a flag or in the environment.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use process::EXIT_CONFIG;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::data_dir::{DataDir, DataDirError, open_private, stop_command};
use crate::fleet::{Fleet, Process};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    pub port_base: u16,
    pub host: IpAddr,
    pub database_url_prefix: Option<StoredUrl>,
    /// By the name of the process.
    pub database_urls: BTreeMap<String, StoredUrl>,
    pub events_url: Option<StoredUrl>,
}

/// A URL without its passwords.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredUrl {
    pub url: String,
    had_password: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("cannot read {}; stop the fleet, and remove the file", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{flag} is {given}, but the fleet on {} runs {known}; omit {flag}, or stop the fleet first: {}",
        data_dir.display(), stop_command(data_dir)
    )]
    Contradiction { flag: &'static str, given: String, known: String, data_dir: PathBuf },
    #[error(
        "the fleet on {} uses {url} with a password, which marquee does not store: give the same URL with its \
         password in {variable} (or {flag})",
        data_dir.display()
    )]
    NoPassword { flag: &'static str, variable: &'static str, url: String, data_dir: PathBuf },
}

/// The place of what has no URL.
pub const IN_THE_DATA_DIRECTORY: &str = "in the data directory";

/// A flag with a URL, and its environment variable.
type Names = (&'static str, &'static str);

const PREFIX: Names = ("--database-url-prefix", "DATABASE_URL_PREFIX");
const DATABASE_URL: Names = ("--database-url", "DATABASE_URLS");
const EVENTS_URL: Names = ("--events-url", "EVENTS_URL");

impl SettingsError {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Contradiction { .. } | Self::NoPassword { .. } => ExitCode::from(EXIT_CONFIG),
            Self::DataDir(_) | Self::Unreadable { .. } => ExitCode::FAILURE,
        }
    }
}

/// Completes `fleet` with the settings of the data directory, and stores the result. While a process runs
/// there, a given setting must be the same as its.
///
/// # Errors
///
/// [`SettingsError`], also if a password is missing.
pub fn adopt(fleet: &Fleet, data_dir: &DataDir) -> Result<Fleet, SettingsError> {
    let not_writable = |source| DataDirError::NotWritable { path: data_dir.shown().to_owned(), source };
    let _lock = data_dir.lock_settings().map_err(not_writable)?;
    let mut adopted = fleet.clone();
    if let Some(known) = Settings::read(data_dir)? {
        known.complete(&mut adopted, data_dir, any_runs(data_dir))?;
    }
    Settings::of(&adopted).write(data_dir).map_err(not_writable)?;
    Ok(adopted)
}

/// Whether the launcher or any process runs on the data directory.
pub fn any_runs(data_dir: &DataDir) -> bool {
    let names = Process::ALL.map(Process::name);
    std::iter::once("fleet").chain(names).any(|name| data_dir.holder(name).is_some())
}

impl Settings {
    pub fn of(fleet: &Fleet) -> Self {
        let database_url = |(process, url): &(Process, String)| (process.to_string(), StoredUrl::of(url));
        Self {
            port_base: fleet.port_base,
            host: fleet.host,
            database_url_prefix: fleet.database_url_prefix.as_deref().map(StoredUrl::of),
            database_urls: fleet.database_urls.iter().map(database_url).collect(),
            events_url: fleet.events_url.as_deref().map(StoredUrl::of),
        }
    }

    /// Reads the settings, if processes were started on the data directory before.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Unreadable`].
    pub fn read(data_dir: &DataDir) -> Result<Option<Self>, SettingsError> {
        let path = data_dir.settings_file();
        let read = || -> io::Result<Option<Self>> {
            match open_private(File::options().read(true), &path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                file => Ok(Some(serde_json::from_reader(file?)?)),
            }
        };
        read().map_err(|source| SettingsError::Unreadable { path: path.clone(), source })
    }

    /// Where the event log is.
    pub fn event_log(&self) -> &str {
        self.events_url.as_ref().map_or(IN_THE_DATA_DIRECTORY, |stored| stored.url.as_str())
    }

    /// Replaces the stored settings.
    pub fn write(&self, data_dir: &DataDir) -> io::Result<()> {
        let path = data_dir.settings_file();
        let unfinished = path.with_extension("json.new");
        let mut file = open_private(File::options().write(true).create(true).truncate(true), &unfinished)?;
        serde_json::to_writer_pretty(&file, self)?;
        file.flush()?;
        fs::rename(&unfinished, &path)
    }

    /// Sets what `fleet` leaves open. If `must_match`, refuses what it sets otherwise.
    fn complete(self, fleet: &mut Fleet, data_dir: &DataDir, must_match: bool) -> Result<(), SettingsError> {
        let rule = Rule { data_dir, must_match };
        let port_base = fleet.given.port_base.then_some(fleet.port_base);
        fleet.port_base = rule.value("--port-base", port_base, self.port_base)?;
        let host = fleet.given.host.then_some(fleet.host);
        fleet.host = rule.value("--host", host, self.host)?;
        let own = std::mem::take(&mut fleet.database_urls);
        for process in Process::WITH_DATABASE {
            let given = own.iter().rfind(|(of, _)| *of == process).map(|(_, url)| url.clone());
            let known = self.database_urls.get(process.name());
            let url = rule.url(DATABASE_URL, given, known)?;
            fleet.database_urls.extend(url.map(|url| (process, url)));
        }
        fleet.database_url_prefix =
            rule.url(PREFIX, fleet.database_url_prefix.take(), self.database_url_prefix.as_ref())?;
        fleet.events_url = rule.url(EVENTS_URL, fleet.events_url.take(), self.events_url.as_ref())?;
        Ok(())
    }
}

/// How given settings and known ones are reconciled.
struct Rule<'d> {
    data_dir: &'d DataDir,
    must_match: bool,
}

impl Rule<'_> {
    fn value<T>(&self, flag: &'static str, given: Option<T>, known: T) -> Result<T, SettingsError>
    where
        T: PartialEq + Display,
    {
        match given {
            Some(given) if given != known && self.must_match => {
                Err(self.contradiction(flag, given.to_string(), format!("with {known}")))
            }
            Some(given) => Ok(given),
            None => Ok(known),
        }
    }

    fn url(
        &self,
        (flag, variable): Names,
        given: Option<String>,
        known: Option<&StoredUrl>,
    ) -> Result<Option<String>, SettingsError> {
        match (given, known) {
            (Some(given), known) => {
                let url = StoredUrl::of(&given).url;
                if self.must_match && known.is_none_or(|known| known.url != url) {
                    let known = known.map_or("without it".to_owned(), |known| format!("with {}", known.url));
                    return Err(self.contradiction(flag, url, known));
                }
                Ok(Some(given))
            }
            (None, Some(known)) if known.had_password => Err(SettingsError::NoPassword {
                flag,
                variable,
                url: known.url.clone(),
                data_dir: self.data_dir.shown().to_owned(),
            }),
            (None, known) => Ok(known.map(|known| known.url.clone())),
        }
    }

    fn contradiction(&self, flag: &'static str, given: String, known: String) -> SettingsError {
        SettingsError::Contradiction { flag, given, known, data_dir: self.data_dir.shown().to_owned() }
    }
}

impl StoredUrl {
    fn of(text: &str) -> Self {
        if !text.contains('@') && !is_password(text) {
            return Self { url: text.to_owned(), had_password: false };
        }
        let Ok(mut url) = Url::parse(text) else {
            // Its parts are unknown, so any of them may be a password.
            let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
            return Self { url: format!("{scheme}://…"), had_password: true };
        };
        let in_query = url.query_pairs().any(|(name, _)| is_password(&name));
        if url.password().is_none() && !in_query {
            return Self { url: text.to_owned(), had_password: false };
        }
        // This fails only for a URL that cannot have a password.
        let _ = url.set_password(None);
        if in_query {
            let others = url.query_pairs().filter(|(name, _)| !is_password(name));
            let others: Vec<_> =
                others.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
            url.set_query(None);
            if !others.is_empty() {
                url.query_pairs_mut().extend_pairs(others);
            }
        }
        Self { url: url.to_string(), had_password: true }
    }
}

/// Whether a setting in the query of a URL may be a password, such as `password` and `sslpassword`.
fn is_password(name: &str) -> bool {
    name.to_ascii_lowercase().contains("password")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};

    fn service(flags: &[&str]) -> Fleet {
        let args = [&["marquee", "service", "ticket"], flags].concat();
        match Cli::read(args.into_iter().map(Into::into)).unwrap().command {
            Some(Command::Service { fleet, .. }) => fleet,
            _ => panic!("another command"),
        }
    }

    fn data_dir() -> (tempfile::TempDir, DataDir) {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(directory.path()).unwrap();
        (directory, data_dir)
    }

    const KAFKA: [&str; 2] = ["--events-url", "kafka://host:9092/movie"];

    #[test]
    fn passwords_are_not_stored() {
        for (given, stored) in [
            ("postgres://me:s3cret@db/", "postgres://me@db/"),
            ("postgres://me:s3cret@db/book?sslmode=require", "postgres://me@db/book?sslmode=require"),
            ("postgres://db/?password=s3cret&sslmode=require", "postgres://db/?sslmode=require"),
            ("postgres://me@/?PASSWORD=s3cret", "postgres://…"),
        ] {
            assert_eq!(
                StoredUrl::of(given),
                StoredUrl { url: stored.to_owned(), had_password: true },
                "{given}"
            );
        }
        for given in
            ["postgres://me@db/", "sqlite:///a.db", "kafka://one:1,two:2/movie", "kafka://host:9092/movie"]
        {
            let unchanged = StoredUrl { url: given.to_owned(), had_password: false };
            assert_eq!(StoredUrl::of(given), unchanged);
        }
    }

    #[test]
    fn process_that_is_started_alone_takes_the_settings_of_the_others() {
        let (_directory, data_dir) = data_dir();
        let urls = [
            "--port-base",
            "9080",
            "--database-url-prefix",
            "postgres://me@db/",
            "--database-url",
            "point=sqlite:///p.db",
        ];
        adopt(&service(&[&urls[..], &KAFKA].concat()), &data_dir).unwrap();
        let _running = data_dir.lock("book").unwrap();
        let adopted = adopt(&service(&[]), &data_dir).unwrap();
        assert_eq!(adopted.port_base, 9080);
        assert_eq!(adopted.events_url.as_deref(), Some("kafka://host:9092/movie"));
        assert_eq!(adopted.database_url(Process::Ticket, &data_dir), "postgres://me@db/ticket");
        assert_eq!(adopted.database_url(Process::Point, &data_dir), "sqlite:///p.db");
    }

    #[test]
    fn contradiction_is_refused_while_a_process_runs_and_accepted_afterwards() {
        let (_directory, data_dir) = data_dir();
        adopt(&service(&["--port-base", "9080"]), &data_dir).unwrap();
        let running = data_dir.lock("book").unwrap();
        for flags in [
            &KAFKA[..],
            &["--port-base", "8080"],
            &["--host", "0.0.0.0"],
            &["--database-url", "book=sqlite:///b.db"],
        ] {
            let error = adopt(&service(flags), &data_dir).unwrap_err();
            assert!(
                matches!(&error, SettingsError::Contradiction { flag, .. } if *flag == flags[0]),
                "{error}"
            );
        }
        assert!(adopt(&service(&["--port-base", "9080"]), &data_dir).is_ok());
        drop(running);
        adopt(&service(&KAFKA), &data_dir).unwrap();
        let adopted = adopt(&service(&[]), &data_dir).unwrap();
        assert_eq!((adopted.port_base, adopted.events_url.as_deref()), (9080, Some(KAFKA[1])));
    }

    #[test]
    fn url_with_a_password_must_be_given_again() {
        let (_directory, data_dir) = data_dir();
        let with_password = ["--database-url-prefix", "postgres://me:s3cret@db/"];
        adopt(&service(&with_password), &data_dir).unwrap();
        assert!(!fs::read_to_string(data_dir.settings_file()).unwrap().contains("s3cret"));
        let _running = data_dir.lock("book").unwrap();
        let error = adopt(&service(&[]), &data_dir).unwrap_err();
        assert!(
            matches!(error, SettingsError::NoPassword { variable: "DATABASE_URL_PREFIX", .. }),
            "{error}"
        );
        let adopted = adopt(&service(&with_password), &data_dir).unwrap();
        assert_eq!(adopted.database_url_prefix.as_deref(), Some(with_password[1]));
        let other = adopt(&service(&["--database-url-prefix", "postgres://me:s3cret@other/"]), &data_dir);
        let line = other.unwrap_err().to_string();
        assert!(line.contains("postgres://me@other/") && !line.contains("s3cret"), "{line}");
    }
}

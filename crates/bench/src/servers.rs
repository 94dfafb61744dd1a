//! Starts PostgreSQL and Kafka by `.ci/backends`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::Outcome;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.ci/backends");

/// Running servers. They stop when this is dropped.
pub struct Servers {
    /// `postgres://user@host:port/`, to which a database's name is appended.
    pub postgres: String,
    postgres_bin: PathBuf,
    /// `host:port`
    pub brokers: String,
    started: Started,
}

/// The directory of the servers, which are stopped when it is dropped.
struct Started(TempDir);

impl Servers {
    pub fn start() -> Outcome<Self> {
        eprintln!("starting PostgreSQL and Kafka …");
        let directory = TempDir::new()?;
        open_to_all(directory.path())?;
        let started = Started(directory);
        let output = backends("up", &started.state())?;
        let variables: HashMap<&str, &str> =
            output.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('=')).collect();
        let variable =
            |name: &str| variables.get(name).copied().ok_or(format!("{SCRIPT} does not print {name}"));
        let (postgres, _) = variable("TEST_POSTGRES_URL")?.rsplit_once('/').ok_or("a URL without a path")?;
        let kafka = variable("TEST_KAFKA_URL")?;
        let brokers = kafka.trim_start_matches("kafka://").split('/').next().unwrap_or_default();
        Ok(Self {
            postgres: format!("{postgres}/"),
            postgres_bin: variable("TEST_POSTGRES_BIN")?.into(),
            brokers: brokers.to_owned(),
            started,
        })
    }

    pub fn create_database(&self, name: &str) -> Outcome {
        self.psql("postgres", &["-c", &format!("CREATE DATABASE {name}")])
    }

    pub fn psql(&self, database: &str, flags: &[&str]) -> Outcome {
        let url = format!("{}{database}", self.postgres);
        self.run("psql", &[&["-q", "-v", "ON_ERROR_STOP=1", "-d", &url], flags].concat())?;
        Ok(())
    }

    /// Runs a program of PostgreSQL, and returns its output.
    pub fn run(&self, program: &str, flags: &[&str]) -> Outcome<String> {
        let output = Command::new(self.postgres_bin.join(program)).args(flags).output()?;
        let printed = String::from_utf8(output.stdout)?;
        if !output.status.success() {
            return Err(format!("{program}: {printed}{}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(printed)
    }

    /// Returns the process id of `postgres` or `kafka`.
    pub fn pid(&self, server: &str) -> Outcome<u32> {
        let state = self.started.state();
        let file = if server == "postgres" {
            state.join("postgres/postmaster.pid")
        } else {
            state.join("kafka.pid")
        };
        let first = fs::read_to_string(file)?.lines().next().unwrap_or_default().trim().parse()?;
        Ok(first)
    }

    /// Returns the URL of a topic.
    pub fn events_url(&self, topic: &str) -> String {
        format!("kafka://{}/{topic}", self.brokers)
    }
}

impl Started {
    fn state(&self) -> PathBuf {
        self.0.path().join("servers")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Err(error) = backends("down", &self.state()) {
            eprintln!("the servers may not have stopped completely: {error}");
        }
    }
}

/// Lets PostgreSQL, which does not run as root, read its files.
fn open_to_all(directory: &Path) -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?)
}

fn backends(command: &str, state: &Path) -> Outcome<String> {
    let output = Command::new(SCRIPT).arg(command).env("MARQUEE_BACKENDS", state).output()?;
    if !output.status.success() {
        return Err(format!("{SCRIPT} {command}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

//! Runs pgbench with the commits of a booking, on a separate database with the fleet's tables.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::Outcome;
use crate::servers::Servers;

const DATABASE: &str = "pgbench";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bookings.sql");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// The directories of the migrations that create the tables.
const MIGRATIONS: [&str; 3] = [
    "crates/messaging/migrations/postgres",
    "services/book/migrations/postgres",
    "services/payment/migrations/postgres",
];
/// Omitted, because a payment does not use these tables, and book has tables of the same names.
const LEFT_OUT: [&str; 2] = [
    "services/payment/migrations/postgres/0102_idempotency_keys.sql",
    "services/payment/migrations/postgres/0110_request_keys.sql",
];

pub struct Pgbench<'s>(&'s Servers);

pub struct Result {
    pub rate: f64,
    pub mean_latency_ms: f64,
}

impl<'s> Pgbench<'s> {
    pub fn prepare(servers: &'s Servers) -> Outcome<Self> {
        servers.create_database(DATABASE)?;
        for file in migrations()? {
            servers.psql(DATABASE, &["-f", file.to_str().ok_or("a path that is not text")?])?;
        }
        Ok(Self(servers))
    }

    /// Makes the bookings, shared among the clients.
    pub fn run(&self, bookings: u64, clients: u64) -> Outcome<Result> {
        let each = (bookings / clients).max(1).to_string();
        let url = format!("{}{DATABASE}", self.0.postgres);
        let clients = clients.to_string();
        let flags = ["-n", "-M", "prepared", "-j", "2", "-c", &clients, "-t", &each, "-f", SCRIPT, &url];
        let printed = self.0.run("pgbench", &flags)?;
        Ok(Result {
            rate: figure(&printed, "tps = ")?,
            mean_latency_ms: figure(&printed, "latency average = ")?,
        })
    }
}

/// Returns the files of all migrations, in the order of their numbers.
fn migrations() -> Outcome<Vec<PathBuf>> {
    let root = Path::new(ROOT);
    let mut files = Vec::new();
    for directory in MIGRATIONS {
        let entries = fs::read_dir(root.join(directory))?.collect::<io::Result<Vec<_>>>()?;
        files.extend(entries.into_iter().map(|entry| entry.path()));
    }
    files.retain(|file| LEFT_OUT.iter().all(|left_out| *file != root.join(left_out)));
    files.sort_by_key(|file| file.file_name().map(ToOwned::to_owned));
    Ok(files)
}

/// Returns the number after `label`.
fn figure(printed: &str, label: &str) -> Outcome<f64> {
    let number = printed.lines().find_map(|line| line.strip_prefix(label)?.split_whitespace().next());
    Ok(number.ok_or_else(|| format!("pgbench does not print '{label}': {printed}"))?.parse()?)
}

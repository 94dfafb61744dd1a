//! pgbench with the commits of a booking, on a database of its own with the fleet's tables.

use std::path::Path;

use crate::Outcome;
use crate::servers::Servers;

const DATABASE: &str = "pgbench";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bookings.sql");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const TABLES: [&str; 3] = [
    "crates/messaging/migrations/postgres/0001_outbox_and_inbox.sql",
    "services/book/migrations/postgres/0101_bookings.sql",
    "services/payment/migrations/postgres/0101_payments.sql",
];

pub struct Pgbench<'s>(&'s Servers);

pub struct Result {
    pub rate: f64,
    pub mean_latency_ms: f64,
}

impl<'s> Pgbench<'s> {
    pub fn prepare(servers: &'s Servers) -> Outcome<Self> {
        servers.create_database(DATABASE)?;
        for file in TABLES {
            let file = Path::new(ROOT).join(file);
            servers.psql(DATABASE, &["-f", file.to_str().ok_or("a path that is not text")?])?;
        }
        Ok(Self(servers))
    }

    /// So many bookings, shared among the clients.
    pub fn run(&self, bookings: u64, clients: u64) -> Outcome<Result> {
        let each = (bookings / clients).max(1).to_string();
        let url = format!("{}{DATABASE}", self.0.postgres);
        let clients = clients.to_string();
        let flags = ["-n", "-M", "prepared", "-j", "2", "-c", &clients, "-t", &each, "-f", SCRIPT, &url];
        let told = self.0.run("pgbench", &flags)?;
        Ok(Result { rate: figure(&told, "tps = ")?, mean_latency_ms: figure(&told, "latency average = ")? })
    }
}

/// The number behind `label`.
fn figure(told: &str, label: &str) -> Outcome<f64> {
    let number = told.lines().find_map(|line| line.strip_prefix(label)?.split_whitespace().next());
    Ok(number.ok_or_else(|| format!("pgbench does not tell '{label}': {told}"))?.parse()?)
}

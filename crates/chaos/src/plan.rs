//! The command line, and the steps of a run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clap::Parser;

use crate::customers::Customers;
use crate::fleet::Fleet;
use crate::servers::Servers;
use crate::{Outcome, faults, verdict};

/// Maximum number of violations that are printed.
const SHOWN: usize = 20;

/// Sells one hall to many customers while faults are injected, and checks every response.
#[derive(Parser, Debug)]
#[command(name = "chaos", version)]
pub struct Plan {
    /// Duration of the faults on each kind of backends, in minutes.
    #[arg(long, default_value_t = 3.0, value_parser = minutes)]
    minutes: f64,

    /// Seed that determines the faults and their times; by default a random one, which is printed.
    #[arg(long)]
    seed: Option<u64>,

    /// Kind of backends; by default both, one after the other.
    #[arg(long, value_enum)]
    on: Option<Backends>,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Backends {
    /// SQLite and the embedded event log.
    Files,
    /// PostgreSQL and Kafka.
    Servers,
}

fn minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse::<f64>().ok().filter(|minutes| (0.05..=60.0).contains(minutes));
    minutes.ok_or_else(|| "must be a number from 0.05 to 60".to_owned())
}

impl Plan {
    /// Runs on all chosen backends. Returns the number of violations.
    pub async fn run(&self) -> Outcome<usize> {
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
        let backends = self.on.map_or(vec![Backends::Files, Backends::Servers], |one| vec![one]);
        let mut violations = 0;
        for on in backends {
            violations += run_on(on, seed, Duration::from_secs_f64(self.minutes * 60.0)).await?;
        }
        Ok(violations)
    }
}

async fn run_on(on: Backends, seed: u64, length: Duration) -> Outcome<usize> {
    println!("\n{on:?}, seed {seed}, {:.0} s", length.as_secs_f64());
    let servers = if on == Backends::Servers { Some(Servers::start()?) } else { None };
    let mut fleet = Fleet::up(servers.as_ref()).await?;
    let hall = fleet.create_screening().await?;
    let customers = Customers::start(&fleet.gateway(), hall, seed);
    let faults = faults::inject(&mut fleet, servers.as_ref(), seed, Instant::now() + length).await?;
    fleet.heal().await?;
    let answers = customers.leave().await;
    let violations = verdict::violations(&fleet, hall, &answers).await?;
    println!("faults        {}", list(&faults));
    println!("requests      {}", answers.requests());
    println!("responses     {}", list(&answers.by_status()));
    for violation in violations.iter().take(SHOWN) {
        println!("violation     {violation}");
    }
    println!("violations    {}", violations.len());
    if !violations.is_empty() {
        for (process, readiness) in fleet.readiness().await {
            println!("{process:<13} {readiness}");
        }
        fleet.keep();
    }
    Ok(violations.len())
}

fn list(counts: &BTreeMap<String, usize>) -> String {
    counts.iter().map(|(what, count)| format!("{count} times {what}")).collect::<Vec<_>>().join(", ")
}

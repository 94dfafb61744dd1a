//! What is asked for, and the whole of it in order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clap::Parser;

use crate::customers::Customers;
use crate::fleet::Fleet;
use crate::servers::Servers;
use crate::{Outcome, faults, verdict};

/// Violations that are shown; the rest is counted.
const SHOWN: usize = 20;

/// Sells one hall to many customers while everything fails around them, and checks every answer.
#[derive(Parser, Debug)]
#[command(name = "chaos", version)]
pub struct Plan {
    /// How long everything fails, on each kind of backends.
    #[arg(long, default_value_t = 3.0, value_parser = minutes)]
    minutes: f64,

    /// Decides what goes wrong and when; any, and told, when it is left out.
    #[arg(long)]
    seed: Option<u64>,

    /// On which backends; both, one after the other, when it is left out.
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
    /// All of it; how many violations there were.
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
    let hall = fleet.announce_hall().await?;
    let customers = Customers::come(&fleet.gateway(), hall, seed);
    let faults = faults::inject(&mut fleet, servers.as_ref(), seed, Instant::now() + length).await?;
    fleet.heal().await?;
    let answers = customers.leave().await;
    let violations = verdict::settle_and_judge(&fleet, hall, &answers).await?;
    println!("faults        {}", list(&faults));
    println!("requests      {}", answers.requests());
    println!("answered      {}", list(&answers.by_status()));
    for violation in violations.iter().take(SHOWN) {
        println!("wrong         {violation}");
    }
    println!("violations    {}", violations.len());
    if !violations.is_empty() {
        for (process, told) in fleet.told_of_themselves().await {
            println!("{process:<13} {told}");
        }
        fleet.keep();
    }
    Ok(violations.len())
}

fn list(counts: &BTreeMap<String, usize>) -> String {
    counts.iter().map(|(what, count)| format!("{count} times {what}")).collect::<Vec<_>>().join(", ")
}

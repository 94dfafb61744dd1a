//! Measures the fleet and the servers that it runs on. See `bench --help`; docs/BENCHMARKS.md has the
//! results.
//!
//! Each benchmark starts the PostgreSQL and Kafka that it needs, and the `marquee` beside it, in a temporary
//! directory. It runs all sides in turn, prints a table, and removes everything. It does not fail because of
//! a result.
//!
//! # Layout
//!
//! - `cli`: the command line.
//! - `events`, `bookings`, `backends`, `on_sale`, `memory`, `catch_up`, `gateway`, `doors`, `pool`,
//!   `pages`, `retention`: the benchmarks.
//! - `servers`, `fleet`: start servers and fleets. `kafka`, `pgbench`: baselines. `processes`: CPU time and
//!   memory. `stats`: medians and tables.

mod backends;
mod bookings;
mod catch_up;
mod cli;
mod doors;
mod events;
mod fleet;
mod gateway;
mod kafka;
mod memory;
mod on_sale;
mod pages;
mod pgbench;
mod pool;
mod processes;
mod retention;
mod servers;
mod stats;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Outcome};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            tokio::select! {
                // Polled first, so that the signal handler is installed at the beginning.
                biased;
                _ = tokio::signal::ctrl_c() => Err("stopped".into()),
                outcome = cli.command.run() => outcome,
            }
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

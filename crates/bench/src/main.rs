//! Measures the fleet beside the servers it runs on: `bench --help`, and docs/BENCHMARKS.md for what came of it.
//!
//! Each benchmark starts the PostgreSQL and the Kafka it needs, and the `marquee` that was built beside it, in a
//! temporary directory; it runs both sides in turn, prints a table, and leaves nothing behind. No figure makes it fail.
//!
//! # Layout
//!
//! - `cli`: the commands.
//! - `events`, `bookings`, `backends`, `on_sale`, `memory`, `catch_up`, `gateway`, `doors`, `pool`,
//!   `pages`, `retention`: the benchmarks.
//! - `servers`, `fleet`: what they start. `kafka`, `pgbench`: what they compare with. `processes`: what each costs. `stats`:
//!   medians and tables.

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
                // First, so that it is listened for from the beginning on.
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

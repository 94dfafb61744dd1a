//! Sells one hall of 200 seats to 64 customers while everything fails around them: processes are killed and frozen,
//! connections are cut and delayed, servers die, databases refuse, events come twice. Then every answer that a customer got is held against the
//! databases, and the fleet is audited. `chaos --help`.
//!
//! What goes wrong and when is decided by a seed; it ends by itself, and stops what it started.
//!
//! # Layout
//!
//! - `plan`: what is asked for, and the whole of it in order.
//! - `fleet`: the processes, each started and killed by itself, with proxies where they call each other.
//! - `proxy`: a connection that can be cut and delayed.
//! - `servers`: a PostgreSQL and a Kafka that can be killed.
//! - `refusals`: databases that answer and refuse.
//! - `faults`: what goes wrong, and when.
//! - `customers`: who books, cancels and collects; every answer is remembered.
//! - `verdict`: whether the answers were true.

mod customers;
mod faults;
mod fleet;
mod plan;
mod proxy;
mod refusals;
mod servers;
mod verdict;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use plan::Plan;

/// What stops this program is told to a person and handled by nobody.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let plan = Plan::parse();
    let outcome = tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            tokio::select! {
                // First, so that it is listened for from the beginning on.
                biased;
                _ = tokio::signal::ctrl_c() => Err("stopped".into()),
                outcome = plan.run() => outcome,
            }
        })
    });
    match outcome {
        Ok(0) => return ExitCode::SUCCESS,
        Ok(violations) => eprintln!("chaos: {violations} violations"),
        Err(error) => eprintln!("chaos: {error}"),
    }
    ExitCode::FAILURE
}

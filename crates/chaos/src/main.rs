//! Sells one hall of 200 seats to 64 customers while faults are injected: processes are killed and frozen,
//! connections are cut and delayed, servers die, databases reject writes, and events are redelivered. Then it
//! compares every response that a customer got with the databases, and audits the fleet. See `chaos --help`.
//!
//! A seed determines the faults and their times. The program ends by itself, and stops everything that it
//! started.
//!
//! # Layout
//!
//! - `plan`: the command line, and the steps of a run.
//! - `fleet`: the processes, which can be started and killed one by one, with proxies between them.
//! - `proxy`: a proxy whose connections can be cut and delayed.
//! - `servers`: PostgreSQL and Kafka, which can be killed.
//! - `refusals`: makes databases reject statements.
//! - `faults`: draws and injects faults.
//! - `customers`: book, cancel and collect, and remember every response.
//! - `verdict`: compares the responses with the databases.

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

/// A result whose error is only printed.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let plan = Plan::parse();
    let outcome = tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            tokio::select! {
                // Polled first, so that the signal handler is installed at the beginning.
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

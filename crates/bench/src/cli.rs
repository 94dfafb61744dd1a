//! The command line.

use std::error::Error;

use clap::{Parser, Subcommand};

use crate::{backends, bookings, catch_up, doors, events, gateway, memory, on_sale, pages, pool, retention};

/// A result whose error is only printed.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures the fleet and the servers that it runs on.
#[derive(Parser, Debug)]
#[command(name = "bench", version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Time from publishing an event until mypage shows it, compared with the bare round trip through the
    /// same broker.
    Events(events::Plan),
    /// Bookings per second on PostgreSQL and Kafka, compared with pgbench with the same three commits on the
    /// same server.
    Bookings(bookings::Plan),
    /// Bookings per second on SQLite and the embedded log, compared with PostgreSQL and Kafka.
    Backends(backends::Plan),
    /// Bookings per second of distinct seats, compared with one contested row, with and without an
    /// idempotency key.
    OnSale(on_sale::Plan),
    /// Memory of each process under load.
    Memory(memory::Plan),
    /// Events per second that mypage applies from a backlog, compared with a bare consumer that commits each
    /// batch.
    CatchUp(catch_up::Plan),
    /// The gateway compared with nginx as a reverse proxy: requests per second, latency, CPU time.
    Gateway(gateway::Plan),
    /// Memory of each process while many requests to one of its routes hang.
    Doors(doors::Plan),
    /// The gateway's connection pool compared with hyper-util's client: requests per second, CPU time.
    Pool(pool::Plan),
    /// Time of pages of lists in a table of two million bookings: the first page, deep pages, and pages of
    /// one customer.
    Pages(pages::Plan),
    /// Old rows deleted per second while a consumer writes, on SQLite and PostgreSQL.
    Retention(retention::Plan),
    /// The bare consumer of catch-up, in its own process.
    #[command(hide = true)]
    BareConsumer(catch_up::BareConsumer),
}

impl Command {
    pub async fn run(self) -> Outcome {
        match self {
            Self::Events(plan) => events::run(&plan).await,
            Self::Bookings(plan) => bookings::run(&plan).await,
            Self::Backends(plan) => backends::run(&plan).await,
            Self::OnSale(plan) => on_sale::run(&plan).await,
            Self::Memory(plan) => memory::run(&plan).await,
            Self::CatchUp(plan) => catch_up::run(&plan).await,
            Self::Gateway(plan) => gateway::run(&plan).await,
            Self::Doors(plan) => doors::run(&plan).await,
            Self::Pool(plan) => pool::run(&plan).await,
            Self::Pages(plan) => pages::run(&plan).await,
            Self::Retention(plan) => retention::run(&plan).await,
            Self::BareConsumer(task) => task.run().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

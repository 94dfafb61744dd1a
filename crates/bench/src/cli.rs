//! The commands.

use std::error::Error;

use clap::{Parser, Subcommand};

use crate::{backends, bookings, catch_up, doors, events, gateway, memory, on_sale, pages, pool, retention};

/// What stops a benchmark is told to a person and handled by nobody.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures the fleet beside the servers it runs on.
#[derive(Parser, Debug)]
#[command(name = "bench", version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// From an event's publishing to its showing in mypage, beside the bare round trip through the same broker.
    Events(events::Plan),
    /// Bookings a second on PostgreSQL and Kafka, beside pgbench with the same three commits on the same server.
    Bookings(bookings::Plan),
    /// Bookings a second on SQLite and the embedded log, beside PostgreSQL and Kafka.
    Backends(backends::Plan),
    /// Bookings a second of distinct seats, beside one contested row, and with and without a key.
    OnSale(on_sale::Plan),
    /// Memory of each process under load.
    Memory(memory::Plan),
    /// How fast mypage takes a backlog of events, beside a bare consumer that commits each batch.
    CatchUp(catch_up::Plan),
    /// The gateway beside nginx as a reverse proxy: requests a second, latency, memory.
    Gateway(gateway::Plan),
    /// Memory of each process while many requests to one of its routes hang.
    Doors(doors::Plan),
    /// The gateway's connection pool beside hyper-util's client: requests a second, CPU.
    Pool(pool::Plan),
    /// Pages of lists in a table of two million bookings: the first, deep ones, and those of a customer.
    Pages(pages::Plan),
    /// Old rows deleted a second while a consumer goes on writing, on SQLite and PostgreSQL.
    Retention(retention::Plan),
    /// The bare consumer of catch-up, in a process of its own.
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
    fn commands_and_their_flags_do_not_clash() {
        Cli::command().debug_assert();
    }
}

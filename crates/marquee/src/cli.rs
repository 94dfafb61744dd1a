//! The commands and their flags.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::audit;
use crate::backup;
use crate::dlq;
use crate::fleet::{Fleet, Process};
use crate::load;
use crate::restore;
use crate::target::Target;
use crate::up::plan::Up;

/// Runs a movie-booking fleet on this machine: seven processes, their databases, and an event log between
/// them.
///
/// Without a command, this is `marquee up`.
#[derive(Parser, Debug)]
#[command(name = "marquee", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub up: Up,
}

#[derive(Subcommand, Debug)]
#[expect(clippy::large_enum_variant, reason = "a process has one of them")]
pub enum Command {
    /// Starts the whole fleet, and runs until Ctrl-C stops it.
    ///
    /// When everything is ready, it prints the addresses and some commands to try. The processes read their
    /// own settings from the environment, for example NAME=Lumiere or PAYMENT_LATENCY_MS=400..620.
    Up {
        #[command(flatten)]
        up: Up,
    },
    /// Runs a single process of the fleet, on the same data directory and ports.
    ///
    /// `marquee service book -- --help` lists the flags of that process.
    Service {
        /// Name of the process.
        name: Process,
        #[command(flatten)]
        fleet: Fleet,
        /// Flags for the process itself.
        #[arg(last = true)]
        flags: Vec<OsString>,
    },
    /// Walks through the whole scenario on a running fleet; prints every request, and checks every answer.
    ///
    /// Exits with 1 at the first unexpected answer.
    Demo {
        #[command(flatten)]
        target: Target,
    },
    /// Makes bookings from many clients at once, measures them, and then checks every booking in every
    /// service.
    ///
    /// Exits with 1 if any answer was not 201, or if any record is missing or duplicated.
    Load {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        plan: load::plan::Plan,
    },
    /// Compares the records of every booking in all services, and reports violations.
    ///
    /// Exits with 1 on any violation. It reads the databases of the fleet, which may keep running. The flags
    /// select the fleet, as for `up`.
    Audit {
        #[command(flatten)]
        plan: audit::Plan,
    },
    /// Copies one consistent state of all databases and the event log into a directory. The fleet may keep
    /// running.
    ///
    /// During the copy, new bookings, payments, cancellations and collections wait, usually for less than a second;
    /// after 2 s they get 503 and may be sent again. Requests that only read are not held back. The payment
    /// provider's ledger is not part of a backup.
    Backup {
        #[command(flatten)]
        plan: backup::Plan,
    },
    /// Restores a backup into the data directory of a stopped fleet, and reconciles it with the payment
    /// provider.
    ///
    /// The previous files are moved aside, not deleted, and no id is assigned twice. The payment provider's
    /// ledger stays as it is: charges of bookings that are not in the backup are refunded, and bookings that
    /// were refunded after the backup are canceled. If a restore is interrupted, run it again, restore
    /// another backup, or undo it with --undo; until then, the fleet does not start.
    Restore {
        #[command(flatten)]
        plan: restore::plan::Plan,
    },
    /// Lists, shows and replays dead letters: the events that a service could not apply.
    Dlq {
        #[command(subcommand)]
        command: dlq::Command,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_without_a_command_belong_to_up() {
        let cli = Cli::try_parse_from(["marquee", "--port-base", "9080"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.up.fleet.port_base, 9080);
    }

    #[test]
    fn flags_after_two_dashes_go_to_the_process() {
        let args = ["marquee", "service", "processor", "--", "--payment-latency-ms", "5"];
        let Some(Command::Service { name, flags, .. }) = Cli::try_parse_from(args).unwrap().command else {
            panic!("another command");
        };
        assert_eq!(name, Process::Processor);
        assert_eq!(flags, ["--payment-latency-ms", "5"]);
    }
}

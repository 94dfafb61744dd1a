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

/// A movie-booking fleet on this machine: seven processes, all but the gateway with a database of their own, and an event log between them.
///
/// Without a command this is `marquee up`.
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
    /// Starts the whole fleet and stays with it; Ctrl-C stops it.
    ///
    /// Prints the addresses and some commands to try as soon as everything is ready. Settings of the single processes
    /// are taken from the environment, for example NAME=Lumiere or PAYMENT_LATENCY_MS=400..620.
    Up {
        #[command(flatten)]
        up: Up,
    },
    /// Runs one process of the fleet alone, on the same data directory and ports.
    ///
    /// `marquee service book -- --help` shows the process's own flags.
    Service {
        name: Process,
        #[command(flatten)]
        fleet: Fleet,
        /// Further flags, for the process itself.
        #[arg(last = true)]
        flags: Vec<OsString>,
    },
    /// Walks the whole scenario against a running fleet, shows every request and answer, and checks them.
    ///
    /// Exits 1 at the first answer that is not as it should be.
    Demo {
        #[command(flatten)]
        target: Target,
    },
    /// Books from many clients at once, measures it, and checks every booking in every service afterwards.
    ///
    /// Exits 1 when an answer was not 201, or when anything is missing or double.
    Load {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        plan: load::plan::Plan,
    },
    /// Compares what all services keep of every booking, and shows what does not fit together.
    ///
    /// Exits 1 when anything is wrong. Reads the databases of the fleet, which may run meanwhile; the flags say which
    /// fleet, as for `up`.
    Audit {
        #[command(flatten)]
        plan: audit::Plan,
    },
    /// Copies one state of all databases and of the event log into a directory, while the fleet runs or not.
    ///
    /// New bookings, cancels and collections wait meanwhile, usually for less than a second; after 2 s they get 503 and may be
    /// sent again. Everything that only reads goes on. The ledger of the payment provider is not part of a backup.
    Backup {
        #[command(flatten)]
        plan: backup::Plan,
    },
    /// Brings the state of a backup back into the data directory of a stopped fleet.
    ///
    /// What is there is moved aside, not deleted. No id is given out again. The payment provider's ledger stays as it is: charges
    /// of bookings that the backup does not have are returned, and bookings whose money has gone back since are canceled. If a
    /// restore breaks off, run it again, restore another backup, or undo it with --undo; the fleet does not start before.
    Restore {
        #[command(flatten)]
        plan: restore::plan::Plan,
    },
    /// The events that a service could not apply: lists them, shows them, sends them again.
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
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_it_is_up_with_its_flags() {
        let cli = Cli::try_parse_from(["marquee", "--port-base", "9080"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.up.fleet.port_base, 9080);
    }

    #[test]
    fn flags_after_two_dashes_are_the_process_s_own() {
        let args = ["marquee", "service", "processor", "--", "--payment-latency-ms", "5"];
        let Some(Command::Service { name, flags, .. }) = Cli::try_parse_from(args).unwrap().command else {
            panic!("another command");
        };
        assert_eq!(name, Process::Processor);
        assert_eq!(flags, ["--payment-latency-ms", "5"]);
    }
}

//! The commands and their flags.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};

use clap::{Args, Parser, Subcommand};

use crate::audit;
use crate::backup;
use crate::dlq;
use crate::fleet::{DEFAULT_PORT_BASE, Fleet, PORT_BASES, Process};
use crate::load::Plan;
use crate::restore;

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

/// What is started, and with what in it.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Up {
    #[command(flatten)]
    pub fleet: Fleet,

    /// Leaves out the demo program: three movies in two halls, for a week. It is created only if no future screening exists.
    #[arg(long)]
    pub no_demo_data: bool,
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
        plan: Plan,
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
        plan: restore::Plan,
    },
    /// The events that a service could not apply: lists them, shows them, sends them again.
    Dlq {
        #[command(subcommand)]
        command: dlq::Command,
    },
}

/// A running fleet.
#[derive(Args, Clone, Debug)]
pub struct Target {
    /// Address of the gateway, for a fleet that is not on this machine.
    #[arg(long, conflicts_with = "port_base")]
    url: Option<String>,

    /// The fleet on this machine that was started with this --port-base.
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PORT_BASE, value_parser = clap::value_parser!(u16).range(PORT_BASES))]
    port_base: u16,
}

impl Target {
    /// A fleet on this machine.
    pub fn local(port_base: u16) -> Self {
        Self { url: None, port_base }
    }

    pub fn gateway(&self) -> String {
        self.url.clone().unwrap_or_else(|| self.local_url(Process::Gateway))
    }

    /// The processes' own addresses; none when only the gateway of the fleet is known.
    pub fn processes(&self) -> Vec<(Process, String)> {
        if self.url.is_some() {
            return Vec::new();
        }
        let address = |process| (process, self.local_url(process));
        Process::ALL.into_iter().map(address).collect()
    }

    fn local_url(&self, process: Process) -> String {
        let port = process.port(self.port_base);
        format!("http://{}:{port}", IpAddr::from(Ipv4Addr::LOCALHOST))
    }
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

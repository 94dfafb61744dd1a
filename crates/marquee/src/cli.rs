//! The commands and their flags.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::audit;
use crate::backup;
use crate::completions::Shell;
use crate::dlq;
use crate::fleet::{Fleet, Given, Process};
use crate::load;
use crate::logs;
use crate::restore;
use crate::status::On;
use crate::target::Target;
use crate::trace;
use crate::up::plan::Up;

const EXIT_CODES: &str = "\
Exit codes:
    0  success; `up` was stopped
    1  failure, with one line that gives the reason; or `up` has no process left, `status` found one that is not ready,
       `demo` and `load` got an unexpected answer, `audit` found a violation
    3  `status`: nothing runs
   64  an invalid flag or setting, which the line names
  130  `up` was killed by a second Ctrl-C";

/// Runs a movie-booking fleet on this machine: seven processes, their databases, and an event log between
/// them.
///
/// Without a command, this is `marquee up`.
#[derive(Parser, Debug)]
#[command(name = "marquee", version, args_conflicts_with_subcommands = true, after_help = EXIT_CODES)]
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
    /// own settings from the environment, for example NAME=Lumiere or PAYMENT_LATENCY_MS=400..620. Exits with 0
    /// when it was stopped, with 1 if it could not start or when no process is left, and with 130 if a second
    /// Ctrl-C has killed the processes.
    Up {
        #[command(flatten)]
        up: Up,
    },
    /// Runs a single process of the fleet, with the settings of the fleet on the same data directory.
    ///
    /// It takes the ports, the databases and the event log with which the fleet was started, and writes to the
    /// same log file. A flag that contradicts the running fleet is refused. Passwords in URLs are not stored:
    /// give such a URL again. `marquee service book -- --help` lists the flags of that process.
    Service {
        /// Name of the process.
        name: Process,
        #[command(flatten)]
        fleet: Fleet,
        /// Takes the settings as given, and writes to standard output only: what has started the process
        /// knows the settings, and writes the log.
        #[arg(long, hide = true, env = "MARQUEE_SUPERVISED")]
        supervised: bool,
        /// Flags for the process itself.
        #[arg(last = true)]
        flags: Vec<OsString>,
    },
    /// Shows what runs on a data directory: each process with its id, port, health and log file.
    ///
    /// Exits with 0 if every process is ready, with 1 if one is not, and with 3 if nothing runs.
    Status {
        #[command(flatten)]
        on: On,
    },
    /// Stops everything that runs on a data directory, and waits for its end.
    ///
    /// The processes finish their running requests. Exits with 0 if nothing runs any more, and with 1 if
    /// something still runs.
    Stop {
        #[command(flatten)]
        on: On,
    },
    /// Prints the log lines of all processes, or of some, in the order of time.
    Logs {
        #[command(flatten)]
        plan: logs::Plan,
    },
    /// Shows what each process did for a booking, and when: its trace, from the request at the gateway to the
    /// last event.
    ///
    /// The launcher keeps the spans of the fleet in up to 64 MiB of its memory; later ones replace the oldest.
    /// If OTEL_EXPORTER_OTLP_ENDPOINT names a collector, the spans go there instead.
    Trace {
        #[command(flatten)]
        plan: trace::Plan,
    },
    /// Prints a script that completes the commands and flags of marquee in a shell.
    ///
    /// For bash: `source <(marquee completions bash)`
    Completions {
        /// The shell.
        shell: Shell,
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
    /// Copies standard input to a log file and to standard output.
    #[command(hide = true)]
    WriteLog { file: PathBuf },
    /// Lists, shows and replays dead letters: the events that a service could not apply.
    Dlq {
        #[command(subcommand)]
        command: dlq::Command,
    },
}

impl Cli {
    /// Parses the command line, its first word included.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or the text of `--help` and `--version`.
    pub fn read(words: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(words)?;
        let mut cli = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut Self::command()))?;
        if let (Some(Command::Service { fleet, .. }), Some((_, matches))) =
            (&mut cli.command, matches.subcommand())
        {
            fleet.given =
                Given { port_base: is_given(matches, "port_base"), host: is_given(matches, "host") };
        }
        Ok(cli)
    }
}

fn is_given(matches: &ArgMatches, flag: &str) -> bool {
    matches.value_source(flag).is_some_and(|source| source != ValueSource::DefaultValue)
}

#[cfg(test)]
mod tests {
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

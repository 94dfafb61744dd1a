//! The settings all processes share, and how a wrong one is reported.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Command, CommandFactory, Parser};

use crate::{VERSION, health};

/// `EX_USAGE` of sysexits.h: the configuration is wrong, a restart will not help.
pub const EXIT_CONFIG: u8 = 64;

/// Where and how a process listens and logs.
#[derive(clap::Args, Clone, Debug)]
pub struct Server {
    /// Address to listen on.
    #[arg(long, env = "HOST", default_value = "0.0.0.0")]
    pub host: IpAddr,

    /// `pretty` for people, `json` for machines, `auto`: pretty on a terminal and JSON elsewhere.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value = "auto")]
    pub log_format: LogFormat,

    /// Which log lines to write, in the syntax of `RUST_LOG`.
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log_filter: String,

    /// How long running requests may take to finish once the process is asked to stop, in milliseconds.
    #[arg(long, env = "DRAIN_TIMEOUT_MS", default_value_t = 10_000)]
    pub drain_timeout_ms: u64,

    /// How long a process that is asked to stop still takes new connections while it says that it is not ready, so that
    /// whoever chooses between replicas turns to another one first; in milliseconds.
    #[arg(long, env = "DRAIN_DELAY_MS", default_value_t = 0)]
    pub drain_delay_ms: u64,

    /// Stop when standard input ends: how the launcher's children notice that the launcher is gone.
    #[arg(long, hide = true)]
    pub stop_on_stdin_eof: bool,

    /// Start nothing, but ask the process on this machine's PORT whether it is ready; exit 0 if it is. A health check for
    /// containers, which have no other program in them.
    #[arg(long)]
    pub healthcheck: bool,

    /// Stop answering after so many milliseconds, as a process whose event loop hangs: for trials of who notices.
    #[arg(long, env = "TRIAL_HANG_AFTER_MS", hide = true)]
    pub hang_after_ms: Option<u64>,
}

impl Server {
    pub fn address(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.host, port)
    }
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Auto,
    Pretty,
    Json,
}

/// Reads a configuration from `args` and the environment.
///
/// # Errors
///
/// The exit code to end the process with: 0 after `--help` or `--version`, what `--healthcheck` has found,
/// [`EXIT_CONFIG`] after printing one line that names the variable at fault.
pub fn parse<C: Parser>(args: impl IntoIterator<Item = OsString>) -> Result<C, ExitCode> {
    let read = || {
        let matches = C::command().version(VERSION).try_get_matches_from(args)?;
        Ok((C::from_arg_matches(&matches)?, matches))
    };
    let (config, matches) = read().map_err(|error: clap::Error| {
        if error.use_stderr() {
            eprintln!("configuration error: {}", explain::<C>(&error));
            ExitCode::from(EXIT_CONFIG)
        } else {
            print!("{error}");
            ExitCode::SUCCESS
        }
    })?;
    match asked_port(&matches) {
        Some(port) => Err(health::ask(port)),
        None => Ok(config),
    }
}

/// The port to ask, if this is a health check.
fn asked_port(matches: &ArgMatches) -> Option<u16> {
    let is_asked = matches.try_get_one::<bool>("healthcheck").ok().flatten().is_some_and(|asked| *asked);
    is_asked.then(|| matches.try_get_one::<u16>("port").ok().flatten().copied()).flatten()
}

/// One line for a configuration error: the variable (and its flag), the value, and what is wrong with it.
fn explain<C: CommandFactory>(error: &clap::Error) -> String {
    let mut command = C::command();
    // Unbuilt, clap cannot show a switch, and panics.
    command.build();
    let name = |shown: &str| variable(&command, shown);
    let cause = std::error::Error::source(error);
    match (error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidValue)) {
        (Some(ContextValue::Strings(missing)), _) => {
            let names: Vec<String> = missing.iter().map(|shown| name(shown)).collect();
            format!("missing: {}", names.join(", "))
        }
        (Some(ContextValue::String(shown)), Some(ContextValue::String(value))) => {
            let value = if is_secret(&command, shown) {
                "invalid".to_owned()
            } else {
                format!("invalid value '{value}'")
            };
            match cause {
                Some(cause) => format!("{}: {value}: {cause}", name(shown)),
                None => format!("{}: {value}{}", name(shown), allowed(error)),
            }
        }
        _ => first_line(error),
    }
}

/// Whether a value has, or may have, a password in it: `--help` does not show it either.
fn is_secret(command: &Command, shown: &str) -> bool {
    argument(command, shown).is_some_and(Arg::is_hide_env_values_set)
}

/// By the name that clap shows, such as `--port <PORT>`.
fn argument<'a>(command: &'a Command, shown: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|argument| argument.to_string() == shown)
}

/// `--port <PORT>`, as clap shows it → `PORT (--port)`.
fn variable(command: &Command, shown: &str) -> String {
    match argument(command, shown).and_then(|argument| Some((argument, argument.get_env()?))) {
        Some((argument, variable)) => format!("{} ({})", variable.to_string_lossy(), flag(argument)),
        None => shown.to_owned(),
    }
}

fn allowed(error: &clap::Error) -> String {
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) => format!(" (allowed: {})", values.join(", ")),
        _ => String::new(),
    }
}

fn flag(argument: &Arg) -> String {
    argument.get_long().map_or_else(|| argument.get_id().to_string(), |long| format!("--{long}"))
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Parser, Debug)]
    struct Example {
        #[command(flatten)]
        server: Server,
        #[arg(long, env = "EXAMPLE_PORT", default_value_t = 1)]
        example_port: u16,
    }

    fn explained(args: &[&str]) -> String {
        let error = Example::try_parse_from(std::iter::once(&"example").chain(args)).unwrap_err();
        explain::<Example>(&error)
    }

    #[test]
    fn a_wrong_value_names_the_variable_the_flag_and_the_cause() {
        assert_eq!(
            explained(&["--example-port", "abc"]),
            "EXAMPLE_PORT (--example-port): invalid value 'abc': invalid digit found in string"
        );
    }

    #[test]
    fn a_value_outside_a_list_names_what_is_allowed() {
        assert_eq!(
            explained(&["--log-format", "xml"]),
            "LOG_FORMAT (--log-format): invalid value 'xml' (allowed: auto, pretty, json)"
        );
    }

    #[test]
    fn a_missing_value_names_the_variable() {
        #[derive(Parser, Debug)]
        struct Needy {
            #[arg(long, env = "EXAMPLE_DATABASE_URL")]
            example_database_url: String,
        }
        let error = Needy::try_parse_from(["needy"]).unwrap_err();
        assert_eq!(explain::<Needy>(&error), "missing: EXAMPLE_DATABASE_URL (--example-database-url)");
    }

    #[test]
    fn a_wrong_value_that_may_hold_a_password_is_not_shown() {
        #[derive(Parser, Debug)]
        struct Secretive {
            #[arg(long, env = "EXAMPLE_DATABASE_URL", hide_env_values = true)]
            _example_database_url: u16,
        }
        let error = Secretive::try_parse_from(["secretive", "--example-database-url", "s3cret"]).unwrap_err();
        assert_eq!(
            explain::<Secretive>(&error),
            "EXAMPLE_DATABASE_URL (--example-database-url): invalid: invalid digit found in string"
        );
    }

    #[test]
    fn an_unknown_flag_is_named() {
        assert!(explained(&["--no-such-flag"]).contains("--no-such-flag"));
    }
}

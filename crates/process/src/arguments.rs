//! The configuration of a process, from the command line and the environment.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Command, CommandFactory, Parser};

use crate::healthcheck;
use crate::version::VERSION;

/// `EX_USAGE` of sysexits.h: the configuration is wrong, and a restart will not help.
pub const EXIT_CONFIG: u8 = 64;

/// Reads a configuration from `args` and the environment. If a flag is given twice, the last one counts: the
/// launcher passes some flags itself, and its user may override them.
///
/// # Errors
///
/// The exit code: 0 after `--help` or `--version`, the result of `--healthcheck`, or [`EXIT_CONFIG`] after it
/// has printed one line that names the wrong variable.
pub fn parse<C: Parser>(args: impl IntoIterator<Item = OsString>) -> Result<C, ExitCode> {
    let read = || {
        let matches = C::command().version(VERSION).args_override_self(true).try_get_matches_from(args)?;
        Ok((C::from_arg_matches(&matches)?, matches))
    };
    let (config, matches) = read().map_err(|error: clap::Error| {
        if error.use_stderr() {
            eprintln!("configuration error: {}", explain::<C>(&error));
            ExitCode::from(EXIT_CONFIG)
        } else {
            answer(&error)
        }
    })?;
    match asked_port(&matches) {
        Some(port) => Err(healthcheck::ask(port)),
        None => Ok(config),
    }
}

/// Prints the help or the version. A closed pipe is no failure: `--help | head` closes it.
fn answer(help: &clap::Error) -> ExitCode {
    match help.print().and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            // If standard error fails too, only the exit code reports it.
            let _ = writeln!(io::stderr(), "cannot write to standard output: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Returns the port to ask if `--healthcheck` is given.
fn asked_port(matches: &ArgMatches) -> Option<u16> {
    let is_asked = matches.try_get_one::<bool>("healthcheck").ok().flatten().is_some_and(|asked| *asked);
    let port = |name| matches.try_get_one::<u16>(name).ok().flatten().copied();
    is_asked.then(|| port("admin_port").or_else(|| port("port"))).flatten()
}

/// Formats a configuration error on one line: the variable (and its flag), the value, and the cause.
fn explain<C: CommandFactory>(error: &clap::Error) -> String {
    let mut command = C::command();
    // clap panics when it displays a switch of a command that is not built.
    command.build();
    let name = |shown: &str| variable(&command, shown);
    let cause = Error::source(error);
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

/// Whether a value may contain a password. `--help` hides it too.
fn is_secret(command: &Command, shown: &str) -> bool {
    argument(command, shown).is_some_and(Arg::is_hide_env_values_set)
}

/// Finds an argument by the name that clap displays, such as `--port <PORT>`.
fn argument<'a>(command: &'a Command, shown: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|argument| argument.to_string() == shown)
}

/// Turns `--port <PORT>`, the name that clap displays, into `PORT (--port)`.
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
    use telemetry::LogSettings;

    use super::*;
    use crate::run::ProcessSettings;

    #[derive(Parser, Debug)]
    struct Example {
        #[command(flatten)]
        _log: LogSettings,
        #[arg(long, env = "EXAMPLE_PORT", default_value_t = 1)]
        example_port: u16,
    }

    fn explained(args: &[&str]) -> String {
        let error = Example::try_parse_from(std::iter::once(&"example").chain(args)).unwrap_err();
        explain::<Example>(&error)
    }

    #[test]
    fn wrong_value_names_the_variable_the_flag_and_the_cause() {
        assert_eq!(
            explained(&["--example-port", "abc"]),
            "EXAMPLE_PORT (--example-port): invalid value 'abc': invalid digit found in string"
        );
    }

    #[test]
    fn value_outside_a_list_names_the_allowed_values() {
        assert_eq!(
            explained(&["--log-format", "xml"]),
            "LOG_FORMAT (--log-format): invalid value 'xml' (allowed: auto, pretty, json)"
        );
    }

    #[test]
    fn missing_value_names_the_variable() {
        #[derive(Parser, Debug)]
        struct Needy {
            #[arg(long, env = "EXAMPLE_DATABASE_URL")]
            example_database_url: String,
        }
        let error = Needy::try_parse_from(["needy"]).unwrap_err();
        assert_eq!(explain::<Needy>(&error), "missing: EXAMPLE_DATABASE_URL (--example-database-url)");
    }

    #[test]
    fn wrong_value_that_may_contain_a_password_is_hidden() {
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
    fn last_one_counts_of_a_flag_that_is_given_twice() {
        let args = ["example", "--example-port", "2", "--example-port", "3"].map(OsString::from);
        assert_eq!(parse::<Example>(args).unwrap().example_port, 3);
    }

    #[test]
    fn health_check_asks_the_admin_port_if_there_is_one() {
        #[derive(Parser, Debug)]
        struct Checked {
            #[arg(id = "port", long, default_value_t = 8080)]
            _port: u16,
            #[arg(id = "admin_port", long = "admin-port")]
            _admin_port: Option<u16>,
            #[command(flatten)]
            _process: ProcessSettings,
        }
        let asked = |args: &[&str]| {
            let matches = Checked::command().try_get_matches_from([&["checked"], args].concat());
            asked_port(&matches.unwrap())
        };
        assert_eq!(asked(&["--healthcheck"]), Some(8080));
        assert_eq!(asked(&["--healthcheck", "--admin-port", "9090"]), Some(9090));
        assert_eq!(asked(&["--admin-port", "9090"]), None);
    }

    #[test]
    fn unknown_flag_is_named() {
        assert!(explained(&["--no-such-flag"]).contains("--no-such-flag"));
    }
}

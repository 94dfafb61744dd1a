//! The settings all processes share, and how a wrong one is reported.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Command, CommandFactory, Parser};

use crate::hosts::AllowedHosts;
use crate::peers::Exempt;
use crate::proxies::TrustedProxies;
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

    /// How long a process that is asked to stop still accepts connections, in milliseconds. During that time it reports that
    /// it is not ready, and each answer is the last of its connection, so that load balancers move to other replicas first.
    #[arg(long, env = "DRAIN_DELAY_MS", default_value_t = 0)]
    pub drain_delay_ms: u64,

    /// Port for probes and `/metrics`, with few connections of its own, so that they are answered whatever happens on the
    /// main port; `/metrics` is then there alone. None: all of them are on the main port.
    #[arg(long, env = "ADMIN_PORT")]
    pub admin_port: Option<u16>,

    /// Unix socket by which a backup holds back requests that change something. None by default; the launcher sets it.
    #[arg(long, env = "CONTROL_SOCKET", value_name = "FILE", hide = true)]
    pub control_socket: Option<PathBuf>,

    #[command(flatten)]
    pub limits: Limits,

    /// Proxies whose `X-Forwarded-*` and `Forwarded` headers are believed, as a comma list of addresses and networks such
    /// as 10.0.0.0/8; none by default.
    #[arg(long, env = "TRUSTED_PROXIES", default_value = "", hide_default_value = true)]
    pub trusted_proxies: TrustedProxies,

    /// Hosts that requests may name in `Host`, besides the names and addresses of this machine: a comma list without ports, or
    /// `*` for every host. By default every host is allowed, except at a service that listens on a loopback address.
    #[arg(long, env = "ALLOWED_HOSTS", default_value = "", hide_default_value = true)]
    pub allowed_hosts: AllowedHosts,

    /// Stop when standard input ends: how the launcher's children notice that the launcher is gone.
    #[arg(long, hide = true)]
    pub stop_on_stdin_eof: bool,

    /// Start nothing, but ask the process on this machine's ADMIN_PORT, or else PORT, whether it is ready; exit 0 if it is.
    /// A health check for containers, which have no other program in them.
    #[arg(long)]
    pub healthcheck: bool,

    /// Stop answering after so many milliseconds, as a process whose event loop hangs: for trials of who notices.
    #[arg(long, env = "TRIAL_HANG_AFTER_MS", hide = true)]
    pub hang_after_ms: Option<u64>,
}

/// How much a process does at a time, and how long it waits for slow clients.
#[derive(clap::Args, Clone, Debug)]
pub struct Limits {
    /// Requests that run at the same time; at the gateway, requests to each service. Probes and event streams do not count.
    #[arg(long, env = "MAX_CONCURRENT_REQUESTS", default_value_t = 512, value_parser = at_least_one)]
    pub max_concurrent_requests: usize,

    /// Requests that wait for their turn; at the gateway, for each service. When the queue overflows, the oldest request is
    /// rejected.
    #[arg(long, env = "MAX_QUEUED_REQUESTS", default_value_t = 512)]
    pub max_queued_requests: usize,

    /// Longest a request waits for its turn, in milliseconds.
    #[arg(long, env = "QUEUE_TIMEOUT_MS", default_value_t = 1_000)]
    pub queue_timeout_ms: u64,

    /// Connections at the same time; beyond that, an unused or a slow one is closed to make room.
    #[arg(long, env = "MAX_CONNECTIONS", default_value_t = 4_096, value_parser = at_least_one)]
    pub max_connections: usize,

    /// Connections of one peer at the same time, 0 for no limit; beyond that, an unused or a slow one of that peer is closed,
    /// or the new one is refused. Proxies that are trusted, and this machine itself, have no limit.
    #[arg(long, env = "MAX_CONNECTIONS_PER_PEER", default_value_t = 256)]
    pub max_connections_per_peer: usize,

    /// Longest a client may take to send the head of a request, in milliseconds.
    #[arg(long, env = "HEADER_READ_TIMEOUT_MS", default_value_t = 10_000)]
    pub header_read_timeout_ms: u64,

    /// Longest a client may take to send the body of a request, in milliseconds. After 5 seconds it must also have come at
    /// 1024 bytes a second.
    #[arg(long, env = "BODY_READ_TIMEOUT_MS", default_value_t = 30_000)]
    pub body_read_timeout_ms: u64,
}

impl Limits {
    pub fn queue_timeout(&self) -> Duration {
        Duration::from_millis(self.queue_timeout_ms)
    }

    pub fn header_read_timeout(&self) -> Duration {
        Duration::from_millis(self.header_read_timeout_ms)
    }

    pub fn body_read_timeout(&self) -> Duration {
        Duration::from_millis(self.body_read_timeout_ms)
    }
}

/// A process with a limit of 0 would be of no use.
fn at_least_one(text: &str) -> Result<usize, String> {
    let number: usize = text.parse().map_err(|error: std::num::ParseIntError| error.to_string())?;
    // What tokio's semaphores can count.
    match number {
        0 => Err("must be 1 or more".to_owned()),
        1..=0xffff_ffff => Ok(number),
        _ => Err("is too many".to_owned()),
    }
}

impl Server {
    /// Which peers have no limit of their own.
    pub fn exempt(&self) -> Exempt {
        Exempt::new(self.trusted_proxies.clone())
    }

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

/// Reads a configuration from `args` and the environment. Of a flag that is given twice the last one counts: the
/// launcher gives some, and whoever has it start a process may know better.
///
/// # Errors
///
/// The exit code to end the process with: 0 after `--help` or `--version`, what `--healthcheck` has found,
/// [`EXIT_CONFIG`] after printing one line that names the variable at fault.
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
        Some(port) => Err(health::ask(port)),
        None => Ok(config),
    }
}

/// Prints help or version. A closed pipe is no failure: `head` has seen enough.
fn answer(help: &clap::Error) -> ExitCode {
    match help.print().and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            // Without standard error, the exit code has to do.
            let _ = writeln!(io::stderr(), "cannot write to standard output: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// The port to ask, if this is a health check.
fn asked_port(matches: &ArgMatches) -> Option<u16> {
    let is_asked = matches.try_get_one::<bool>("healthcheck").ok().flatten().is_some_and(|asked| *asked);
    let port = |name| matches.try_get_one::<u16>(name).ok().flatten().copied();
    is_asked.then(|| port("admin_port").or_else(|| port("port"))).flatten()
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
    fn of_a_flag_that_is_given_twice_the_last_one_counts() {
        let args = ["example", "--example-port", "2", "--example-port", "3"].map(OsString::from);
        assert_eq!(parse::<Example>(args).unwrap().example_port, 3);
    }

    #[test]
    fn a_limit_that_lets_nothing_pass_is_refused() {
        assert_eq!(
            explained(&["--max-connections", "0"]),
            "MAX_CONNECTIONS (--max-connections): invalid value '0': must be 1 or more"
        );
    }

    #[test]
    fn health_check_asks_the_admin_port_if_there_is_one() {
        #[derive(Parser, Debug)]
        struct Checked {
            #[command(flatten)]
            _server: Server,
            #[arg(id = "port", long, default_value_t = 8080)]
            _port: u16,
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
    fn an_unknown_flag_is_named() {
        assert!(explained(&["--no-such-flag"]).contains("--no-such-flag"));
    }
}

//! The processes of a fleet, their ports, and the flags and environment they are started with.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use storage::DatabaseUrl;

use crate::data_dir::{DEFAULT_DATA_DIR, DataDir, DataDirError, flag_for};
use crate::shell::shell;

/// Gives the ports of the seed: 8081 to 8085, and 8088 for the gateway. The payment provider has 8090.
pub const DEFAULT_PORT_BASE: u16 = 8080;
const DATABASE_URL_PREFIX: &str = "DATABASE_URL_PREFIX";
const DATABASE_URLS: &str = "DATABASE_URLS";
const EVENTS_URL: &str = "EVENTS_URL";
const TRUSTED_PROXIES: &str = "TRUSTED_PROXIES";
const PROCESSOR_URL: &str = "PROCESSOR_URL";
const FLEET_ID: &str = "FLEET_ID";
/// The standard variables with the URL of a collector of traces.
const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const OTLP_TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const OTLP_TRACES_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL";
/// The hosts that a process reaches without a proxy.
const NO_PROXY: &str = "NO_PROXY";
/// The lock of a launcher, in addition to the lock `fleet`, which a restore takes too.
pub const LAUNCHER: &str = "launcher";
/// Port bases for which every process has a valid port.
pub const PORT_BASES: std::ops::RangeInclusive<i64> = 1..=u16::MAX as i64 - 10;

/// A process of the fleet, in the order of display.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Process {
    Gateway,
    Book,
    Processor,
    Payment,
    Mypage,
    Ticket,
    Point,
}

impl Process {
    pub const ALL: [Self; 7] =
        [Self::Gateway, Self::Book, Self::Processor, Self::Payment, Self::Mypage, Self::Ticket, Self::Point];

    /// The processes with a database and events.
    pub const SERVICES: [Self; 5] = [Self::Book, Self::Payment, Self::Mypage, Self::Ticket, Self::Point];

    /// The processes with a database. The payment provider has no events.
    pub const WITH_DATABASE: [Self; 6] =
        [Self::Book, Self::Processor, Self::Payment, Self::Mypage, Self::Ticket, Self::Point];

    /// The gateway stops first; then each service stops before the services that it calls or sends events to.
    pub const STOP_ORDER: [Self; 7] =
        [Self::Gateway, Self::Book, Self::Ticket, Self::Payment, Self::Processor, Self::Point, Self::Mypage];

    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Book => "book",
            Self::Processor => "processor",
            Self::Payment => "payment",
            Self::Mypage => "mypage",
            Self::Ticket => "ticket",
            Self::Point => "point",
        }
    }

    pub fn port(self, base: u16) -> u16 {
        base + match self {
            Self::Book => 1,
            Self::Payment => 2,
            Self::Mypage => 3,
            Self::Ticket => 4,
            Self::Point => 5,
            Self::Gateway => 8,
            Self::Processor => 10,
        }
    }

    /// Runs this process until it is asked to stop.
    pub fn main(self, args: Vec<OsString>) -> ExitCode {
        match self {
            Self::Gateway => gateway::main(args),
            Self::Book => book::main(args),
            Self::Processor => processor::main(args),
            Self::Payment => payment::main(args),
            Self::Mypage => mypage::main(args),
            Self::Ticket => ticket::main(args),
            Self::Point => point::main(args),
        }
    }

    /// The flags for the URLs of its upstreams.
    fn upstreams(self) -> &'static [(&'static str, Self)] {
        match self {
            Self::Gateway => &[
                ("--book-url", Self::Book),
                ("--payment-url", Self::Payment),
                ("--mypage-url", Self::Mypage),
                ("--ticket-url", Self::Ticket),
                ("--point-url", Self::Point),
            ],
            Self::Book => &[("--payment-url", Self::Payment)],
            Self::Ticket => &[("--point-url", Self::Point)],
            Self::Processor | Self::Payment | Self::Mypage | Self::Point => &[],
        }
    }
}

/// Whether the environment names a collector of traces, so that the launcher is none.
pub fn has_own_collector() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    [OTLP_ENDPOINT, OTLP_TRACES_ENDPOINT].into_iter().any(is_set)
}

/// The URL of the collector in the launcher of this data directory, if it runs one.
pub fn collector_url(data_dir: &DataDir) -> Option<String> {
    data_dir.holder(LAUNCHER)?;
    let address = std::fs::read_to_string(data_dir.collector_file()).ok()?;
    let address: SocketAddr = address.trim().parse().ok()?;
    Some(format!("http://{address}"))
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The addresses and the data of a fleet.
#[derive(clap::Args, Clone, Debug)]
pub struct Fleet {
    /// Directory for the databases, the event log, the logs and the process ids; created if it does not
    /// exist. Only its owner can read it. A symbolic link, or a directory of another user, is refused.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    pub data_dir: PathBuf,

    /// Base of the ports: book has base+1, payment +2, mypage +3, ticket +4, point +5, the gateway +8, and
    /// the payment provider +10.
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PORT_BASE,
          value_parser = clap::value_parser!(u16).range(PORT_BASES))]
    pub port_base: u16,

    /// Address that the gateway listens on; 0.0.0.0 admits other machines. The services listen on this
    /// machine only.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub host: IpAddr,

    /// Puts the databases on a server: the prefix before each service's name in its database URL, such as
    /// postgres://user:password@host/ . Missing databases are created. Settings such as ?sslmode=verify-full
    /// stay at the end.
    #[arg(long, value_name = "URL", env = DATABASE_URL_PREFIX, hide_env_values = true)]
    pub database_url_prefix: Option<String>,

    /// Database of one service, such as book=postgres://user:password@host/book ; takes precedence over the
    /// prefix, and may be repeated. A missing database is created. In the environment variable, spaces
    /// separate the values.
    #[arg(long = "database-url", value_name = "SERVICE=URL", value_parser = database_of, env = DATABASE_URLS,
          value_delimiter = ' ', hide_env_values = true)]
    pub database_urls: Vec<(Process, String)>,

    /// Puts the event log on a server, such as kafka://host:9092/movie .
    #[arg(long, value_name = "URL", env = EVENTS_URL)]
    pub events_url: Option<String>,

    /// Which of the flags with a default were given.
    #[arg(skip)]
    pub given: Given,
}

/// The flags that the user gave, where the value does not show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    pub port_base: bool,
    pub host: bool,
}

impl Fleet {
    pub fn address(&self, process: Process) -> SocketAddr {
        SocketAddr::new(self.host_of(process), process.port(self.port_base))
    }

    fn host_of(&self, process: Process) -> IpAddr {
        host_of(process, self.host)
    }

    /// The URL at which other processes on this machine reach `process`.
    pub fn url(&self, process: Process) -> String {
        Self::url_with(process, self.host, self.port_base)
    }

    /// Like [`url`](Self::url), of the fleet with this `host` and `port_base`.
    pub fn url_with(process: Process, host: IpAddr, port_base: u16) -> String {
        let mut address = SocketAddr::new(host_of(process, host), process.port(port_base));
        match address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        format!("http://{address}")
    }

    /// The URL to show to users of this machine: with `localhost`, as in the seed, where that is equivalent.
    pub fn shown_url(&self, process: Process) -> String {
        let localhost = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        let host = self.host_of(process);
        if host.is_unspecified() || localhost.contains(&host) {
            format!("http://localhost:{}", process.port(self.port_base))
        } else {
            self.url(process)
        }
    }

    /// The flags that select this fleet, together with [`environment`](Self::environment).
    pub fn flags(&self) -> Vec<OsString> {
        vec![
            "--data-dir".into(),
            self.data_dir.clone().into(),
            "--port-base".into(),
            self.port_base.to_string().into(),
            "--host".into(),
            self.host.to_string().into(),
        ]
    }

    /// The arguments that run `process` with exactly these settings, together with
    /// [`environment`](Self::environment). Flags for the process itself may follow.
    pub fn args_of_service(&self, process: Process) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec!["service".into(), process.name().into(), "--supervised".into()];
        args.extend(self.flags());
        args.push("--".into());
        args
    }

    /// The variables with the URLs of servers. They are not passed as flags, because a URL may contain a
    /// password, and all users of the machine can see the flags of a process.
    pub fn environment(&self) -> impl Iterator<Item = (&'static str, String)> {
        let own: Vec<String> =
            self.database_urls.iter().map(|(service, url)| format!("{service}={url}")).collect();
        let all = [
            (DATABASE_URL_PREFIX, self.database_url_prefix.clone()),
            (DATABASE_URLS, (!own.is_empty()).then(|| own.join(" "))),
            (EVENTS_URL, self.events_url.clone()),
        ];
        all.into_iter().filter_map(|(name, url)| Some((name, url?)))
    }

    /// The further variables that `process` needs and the environment does not set: the collector of its spans,
    /// the URL of the payment provider, and the name of this installation there.
    ///
    /// # Errors
    ///
    /// When the name cannot be read or created.
    pub fn environment_of(
        &self,
        process: Process,
        data_dir: &DataDir,
    ) -> Result<Vec<(&'static str, String)>, DataDirError> {
        let mut missing = Vec::new();
        if !has_own_collector()
            && let Some(url) = collector_url(data_dir)
        {
            missing.push((OTLP_ENDPOINT, url));
            // The environment may be meant for other programs: the launcher speaks one protocol, and no proxy
            // reaches it.
            missing.push((OTLP_TRACES_PROTOCOL, "http/protobuf".to_owned()));
            let exempt = std::env::var(NO_PROXY).or_else(|_| std::env::var("no_proxy"));
            let others = exempt.map(|others| format!("{others},")).unwrap_or_default();
            missing.push((NO_PROXY, format!("{others}{}", Ipv4Addr::LOCALHOST)));
        }
        if process != Process::Payment {
            return Ok(missing);
        }
        if std::env::var_os(PROCESSOR_URL).is_none() {
            missing.push((PROCESSOR_URL, self.provider_url()));
        }
        if std::env::var_os(FLEET_ID).is_none() {
            missing.push((FLEET_ID, data_dir.fleet_id()?));
        }
        Ok(missing)
    }

    /// The URL of the payment provider. The environment takes precedence.
    pub fn provider_url(&self) -> String {
        std::env::var(PROCESSOR_URL).unwrap_or_else(|_| self.url(Process::Processor))
    }

    /// Whether the payment provider is the sandbox of this fleet.
    pub fn has_own_provider(&self) -> bool {
        std::env::var_os(PROCESSOR_URL).is_none()
    }

    /// The name of this installation at the payment provider, if it has one. The environment takes
    /// precedence.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn known_fleet_id(&self, data_dir: &DataDir) -> Result<Option<String>, DataDirError> {
        self.given_fleet_id().map_or_else(|| data_dir.known_fleet_id(), |id| Ok(Some(id)))
    }

    /// The name of this installation at the payment provider, if the environment sets it.
    pub fn given_fleet_id(&self) -> Option<String> {
        std::env::var(FLEET_ID).ok()
    }

    /// The URL of the database of `process`.
    pub fn database_url(&self, process: Process, data_dir: &DataDir) -> String {
        self.given_database_url(process).unwrap_or_else(|| data_dir.database_url(process.name()))
    }

    /// The URL of the database of `process`, if it is not in the data directory.
    pub fn given_database_url(&self, process: Process) -> Option<String> {
        let own = self.database_urls.iter().rfind(|(service, _)| *service == process);
        match (own, &self.database_url_prefix) {
            (Some((_, url)), _) => Some(url.clone()),
            (None, Some(prefix)) => Some(match prefix.split_once('?') {
                Some((prefix, settings)) => format!("{prefix}{process}?{settings}"),
                None => format!("{prefix}{process}"),
            }),
            (None, None) => None,
        }
    }

    fn events_url(&self, data_dir: &DataDir) -> String {
        self.events_url.clone().unwrap_or_else(|| data_dir.database_url("events"))
    }

    /// The addresses from which the gateway on this machine calls, and the proxies that the environment
    /// trusts.
    fn trusted_proxies(&self) -> String {
        let mut trusted = "127.0.0.1,::1".to_owned();
        if let Some(others) = std::env::var(TRUSTED_PROXIES).ok().filter(|others| !others.trim().is_empty()) {
            trusted.push(',');
            trusted.push_str(&others);
        }
        trusted
    }

    /// The command line that starts `process` alone. It finds the other settings in the data directory.
    pub fn command_line(&self, process: Process) -> String {
        let mut words = vec![program(), "service".into(), process.name().into()];
        words.extend(flag_for(&self.data_dir));
        shell(&words)
    }

    /// The command line that prints new log lines.
    pub fn logs_command_line(&self) -> String {
        let mut words = vec![program(), "logs".into(), "--follow".into()];
        words.extend(flag_for(&self.data_dir));
        shell(&words)
    }

    /// The command line that walks through the scenario on this fleet.
    pub fn demo_command_line(&self) -> String {
        shell(&[program(), "demo".into(), "--url".into(), self.url(Process::Gateway).into()])
    }

    /// The arguments of the process itself, its name first.
    pub fn args_of(&self, process: Process, data_dir: &DataDir) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec![
            process.name().into(),
            "--host".into(),
            self.host_of(process).to_string().into(),
            "--port".into(),
            process.port(self.port_base).to_string().into(),
        ];
        if process != Process::Gateway {
            args.extend(["--trusted-proxies".into(), self.trusted_proxies().into()]);
            args.extend(["--database-url".into(), self.database_url(process, data_dir).into()]);
        }
        if matches!(process, Process::Book | Process::Ticket) {
            args.extend(["--control-socket".into(), data_dir.control_socket(process.name()).into()]);
        }
        if Process::SERVICES.contains(&process) {
            args.extend(["--events-url".into(), self.events_url(data_dir).into()]);
        }
        for (flag, upstream) in process.upstreams() {
            args.extend([OsString::from(flag), self.url(*upstream).into()]);
        }
        args
    }
}

/// The address that `process` listens on, in a fleet on `host`. Only the gateway admits other machines, because
/// the services trust their callers.
fn host_of(process: Process, host: IpAddr) -> IpAddr {
    match host {
        host if process == Process::Gateway || host.is_loopback() => host,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}

/// Parses `book=postgres://…`.
fn database_of(text: &str) -> Result<(Process, String), String> {
    let (name, url) = text.split_once('=').ok_or("must be <service>=<url>")?;
    let service = Process::WITH_DATABASE.into_iter().find(|service| service.name() == name);
    let service = service.ok_or_else(|| format!("no service with a database is called {name}"))?;
    url.parse::<DatabaseUrl>().map_err(|error| error.to_string())?;
    Ok((service, url.to_owned()))
}

/// This program as the user typed it.
pub fn program() -> OsString {
    std::env::args_os().next().unwrap_or_else(|| "marquee".into())
}

#[cfg(test)]
mod tests;

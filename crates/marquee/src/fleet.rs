//! The fleet: which processes, on which ports, over which files, started with which flags.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::data_dir::DataDir;

/// The ports of the seed: 8081 to 8085 and, for the gateway, 8088.
pub const DEFAULT_PORT_BASE: u16 = 8080;
/// Every process's port must exist.
pub const PORT_BASES: std::ops::RangeInclusive<i64> = 1..=u16::MAX as i64 - 8;

/// A process of the fleet. The order is the one they are shown in.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Process {
    Gateway,
    Book,
    Payment,
    Mypage,
    Ticket,
    Point,
}

impl Process {
    pub const ALL: [Self; 6] =
        [Self::Gateway, Self::Book, Self::Payment, Self::Mypage, Self::Ticket, Self::Point];

    /// First the door, then each before those it calls or whose view it feeds.
    pub const STOP_ORDER: [Self; 6] =
        [Self::Gateway, Self::Book, Self::Ticket, Self::Payment, Self::Point, Self::Mypage];

    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Book => "book",
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
        }
    }

    /// Becomes this process until it is told to stop.
    pub fn main(self, args: Vec<OsString>) -> ExitCode {
        match self {
            Self::Gateway => gateway::main(args),
            Self::Book => book::main(args),
            Self::Payment => payment::main(args),
            Self::Mypage => mypage::main(args),
            Self::Ticket => ticket::main(args),
            Self::Point => point::main(args),
        }
    }

    /// The flags that tell it where the others are.
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
            Self::Payment | Self::Mypage | Self::Point => &[],
        }
    }
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Where a fleet lives.
#[derive(clap::Args, Clone, Debug)]
pub struct Fleet {
    /// Directory of the databases, the event log, the logs and the process ids; created when it is not there.
    #[arg(long, value_name = "DIR", default_value = "./data")]
    pub data_dir: PathBuf,

    /// Where the ports start: book is the first after it, then payment, mypage, ticket, point; the gateway the eighth.
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PORT_BASE,
          value_parser = clap::value_parser!(u16).range(PORT_BASES))]
    pub port_base: u16,

    /// Address to listen on; 0.0.0.0 lets other machines in.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub host: IpAddr,

    /// Databases on a server: what stands before each service's name in its URL, such as
    /// postgres://user:password@host/ . What is not there is created.
    #[arg(long, value_name = "URL", env = "DATABASE_URL_PREFIX")]
    pub database_url_prefix: Option<String>,

    /// The event log on a server, such as kafka://host:9092/movie .
    #[arg(long, value_name = "URL", env = "EVENTS_URL")]
    pub events_url: Option<String>,
}

impl Fleet {
    pub fn address(&self, process: Process) -> SocketAddr {
        SocketAddr::new(self.host, process.port(self.port_base))
    }

    /// How the others on this machine reach it.
    pub fn url(&self, process: Process) -> String {
        let mut address = self.address(process);
        match self.host {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        format!("http://{address}")
    }

    /// How a person on this machine writes it: as the seed does, where that is the same.
    pub fn shown_url(&self, process: Process) -> String {
        let localhost = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        if self.host.is_unspecified() || localhost.contains(&self.host) {
            format!("http://localhost:{}", process.port(self.port_base))
        } else {
            self.url(process)
        }
    }

    /// The flags of `marquee service` that mean this fleet.
    pub fn flags(&self) -> Vec<OsString> {
        let mut flags: Vec<OsString> = vec![
            "--data-dir".into(),
            self.data_dir.clone().into(),
            "--port-base".into(),
            self.port_base.to_string().into(),
            "--host".into(),
            self.host.to_string().into(),
        ];
        for (flag, url) in
            [("--database-url-prefix", &self.database_url_prefix), ("--events-url", &self.events_url)]
        {
            flags.extend(url.iter().flat_map(|url| [OsString::from(flag), url.into()]));
        }
        flags
    }

    /// Where `process` keeps its data.
    pub fn database_url(&self, process: Process, data_dir: &DataDir) -> String {
        match &self.database_url_prefix {
            Some(prefix) => format!("{prefix}{process}"),
            None => data_dir.database_url(process.name()),
        }
    }

    fn events_url(&self, data_dir: &DataDir) -> String {
        self.events_url.clone().unwrap_or_else(|| data_dir.database_url("events"))
    }

    /// What to type to start `process` alone.
    pub fn command_line(&self, process: Process) -> String {
        let mut words = vec![program(), "service".into(), process.name().into()];
        words.extend(self.flags());
        shell(&words)
    }

    /// What to type to walk through the scenario on this fleet.
    pub fn demo_command_line(&self) -> String {
        shell(&[program(), "demo".into(), "--url".into(), self.url(Process::Gateway).into()])
    }

    /// The command line of the process itself, its name first.
    pub fn args_of(&self, process: Process, data_dir: &DataDir) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec![
            process.name().into(),
            "--host".into(),
            self.host.to_string().into(),
            "--port".into(),
            process.port(self.port_base).to_string().into(),
        ];
        if process != Process::Gateway {
            args.extend(["--database-url".into(), self.database_url(process, data_dir).into()]);
            args.extend(["--events-url".into(), self.events_url(data_dir).into()]);
        }
        for (flag, upstream) in process.upstreams() {
            args.extend([OsString::from(flag), self.url(*upstream).into()]);
        }
        args
    }
}

/// This program as the user typed it.
fn program() -> OsString {
    std::env::args_os().next().unwrap_or_else(|| "marquee".into())
}

/// The words of a command as a shell takes them.
fn shell(words: &[OsString]) -> String {
    let quoted = words.iter().map(|word| {
        let word = word.to_string_lossy();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&byte);
        if !word.is_empty() && word.bytes().all(plain) {
            word.into_owned()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_a_shell_would_take_apart_are_quoted() {
        let words = ["marquee", "--data-dir", "my data", "it's"].map(OsString::from);
        assert_eq!(shell(&words), r"marquee --data-dir 'my data' 'it'\''s'");
    }

    #[test]
    fn no_two_processes_share_a_port() {
        let mut ports = Process::ALL.map(|process| process.port(DEFAULT_PORT_BASE));
        ports.sort_unstable();
        assert_eq!(ports, [8081, 8082, 8083, 8084, 8085, 8088]);
    }

    #[test]
    fn every_process_is_stopped() {
        let mut stopped = Process::STOP_ORDER;
        stopped.sort_unstable();
        assert_eq!(stopped, Process::ALL);
    }
}

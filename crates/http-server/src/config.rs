//! The settings that all processes with an HTTP server share.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use process::ProcessSettings;
use telemetry::LogSettings;

use crate::hosts::AllowedHosts;
use http_api::peers::Exempt;
use http_api::proxies::TrustedProxies;

/// Where and how a process listens and logs.
#[derive(clap::Args, Clone, Debug)]
pub struct Server {
    /// Address to listen on.
    #[arg(long, env = "HOST", default_value = "0.0.0.0")]
    pub host: IpAddr,

    #[command(flatten)]
    pub log: LogSettings,

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

    #[command(flatten)]
    pub process: ProcessSettings,
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser, Debug)]
    struct Example {
        #[command(flatten)]
        _server: Server,
    }

    #[test]
    fn limit_of_zero_is_refused() {
        let refused = Example::try_parse_from(["example", "--max-connections", "0"]).unwrap_err().to_string();
        assert!(refused.contains("--max-connections") && refused.contains("must be 1 or more"), "{refused}");
    }
}

//! The settings that all processes with an HTTP server share.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use process::ProcessSettings;
use telemetry::LogSettings;

use crate::hosts::AllowedHosts;
use http_api::peers::Exempt;
use http_api::proxies::TrustedProxies;

/// How a process with an HTTP server listens, logs and stops.
#[derive(clap::Args, Clone, Debug)]
pub struct Server {
    /// Address to listen on.
    #[arg(long, env = "HOST", default_value = "0.0.0.0")]
    pub host: IpAddr,

    #[command(flatten)]
    pub log: LogSettings,

    /// Longest that running requests may take to finish after SIGTERM, in milliseconds; then they are cut
    /// off.
    #[arg(long, env = "DRAIN_TIMEOUT_MS", default_value_t = 10_000)]
    pub drain_timeout_ms: u64,

    /// How long the process still accepts connections after SIGTERM, in milliseconds. During that time it is
    /// not ready, and it closes each connection after one response, so that load balancers switch to other
    /// replicas first.
    #[arg(long, env = "DRAIN_DELAY_MS", default_value_t = 0)]
    pub drain_delay_ms: u64,

    /// Separate port for probes and `/metrics`, which respond there even if the main port is overloaded; the
    /// main port then serves no `/metrics`. Without it, the main port serves all of them.
    #[arg(long, env = "ADMIN_PORT")]
    pub admin_port: Option<u16>,

    /// Unix socket through which a backup holds requests that change something. None by default; the launcher
    /// sets it.
    #[arg(long, env = "CONTROL_SOCKET", value_name = "FILE", hide = true)]
    pub control_socket: Option<PathBuf>,

    #[command(flatten)]
    pub limits: Limits,

    /// Proxies whose `X-Forwarded-*` and `Forwarded` headers are trusted: a comma-separated list of addresses
    /// and networks, such as 10.0.0.0/8. None by default.
    #[arg(long, env = "TRUSTED_PROXIES", default_value = "", hide_default_value = true)]
    pub trusted_proxies: TrustedProxies,

    /// Hosts that requests may name in `Host`, in addition to localhost and loopback addresses: a
    /// comma-separated list without ports, or `*` for every host. By default a service that listens on a
    /// loopback address allows no other host; any other process allows every host.
    #[arg(long, env = "ALLOWED_HOSTS", default_value = "", hide_default_value = true)]
    pub allowed_hosts: AllowedHosts,

    #[command(flatten)]
    pub process: ProcessSettings,
}

/// How many requests and connections a process accepts, and how long it waits for slow clients.
#[derive(clap::Args, Clone, Debug)]
pub struct Limits {
    /// Maximum number of requests that run at the same time; at the gateway, to each service. Probes and
    /// event streams do not count.
    #[arg(long, env = "MAX_CONCURRENT_REQUESTS", default_value_t = 512, value_parser = at_least_one)]
    pub max_concurrent_requests: usize,

    /// Maximum number of requests in the queue; at the gateway, for each service. When the queue overflows,
    /// the oldest request is rejected with 503.
    #[arg(long, env = "MAX_QUEUED_REQUESTS", default_value_t = 512)]
    pub max_queued_requests: usize,

    /// Longest a request waits in the queue, in milliseconds.
    #[arg(long, env = "QUEUE_TIMEOUT_MS", default_value_t = 1_000)]
    pub queue_timeout_ms: u64,

    /// Maximum number of open connections. Beyond it, an idle or slow connection is closed to make room.
    #[arg(long, env = "MAX_CONNECTIONS", default_value_t = 4_096, value_parser = at_least_one)]
    pub max_connections: usize,

    /// Maximum number of open connections from one address, 0 for no limit. Beyond it, an idle or slow
    /// connection from that address is closed, or the new one is refused. Trusted proxies and this machine
    /// have no limit.
    #[arg(long, env = "MAX_CONNECTIONS_PER_PEER", default_value_t = 256)]
    pub max_connections_per_peer: usize,

    /// Longest a client may take to send the head of a request, in milliseconds.
    #[arg(long, env = "HEADER_READ_TIMEOUT_MS", default_value_t = 10_000)]
    pub header_read_timeout_ms: u64,

    /// Longest a client may take to send the body of a request, in milliseconds. After 5 seconds, its average
    /// rate must also be at least 1024 bytes a second.
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

/// A process with a limit of 0 could serve nothing.
fn at_least_one(text: &str) -> Result<usize, String> {
    let number: usize = text.parse().map_err(|error: std::num::ParseIntError| error.to_string())?;
    // tokio's semaphores cannot count further.
    match number {
        0 => Err("must be 1 or more".to_owned()),
        1..=0xffff_ffff => Ok(number),
        _ => Err("is too many".to_owned()),
    }
}

impl Server {
    /// Returns which peers have no limit of their own.
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

//! What the environment may say.

use messaging::Backends;
use reqwest::Url;
use service_kit::config::Server;

/// Makes tickets of paid bookings, and hands them out.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "ticket", version)]
pub struct Config {
    #[command(flatten)]
    pub server: Server,

    #[command(flatten)]
    pub backends: Backends,

    /// TCP port to listen on; 8080 in a cluster.
    #[arg(long, env = "PORT", default_value_t = 8084)]
    pub port: u16,

    /// Where the point service is.
    #[arg(long, env = "POINT_URL", default_value = "http://127.0.0.1:8085")]
    pub point_url: Url,

    /// Longest wait for points to be granted, in milliseconds; after it the answer is 503 and the collection is
    /// finished later.
    #[arg(long, env = "POINT_DEADLINE_MS", default_value_t = 1_500)]
    pub point_deadline_ms: u64,
}

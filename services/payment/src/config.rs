//! What the environment may say.

use http_server::Server;
use messaging::Backends;
use upstream::Url;

use crate::domain::FleetId;

/// Takes payments, one per booking, and gives them back.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "payment", version)]
pub struct Config {
    #[command(flatten)]
    pub server: Server,

    #[command(flatten)]
    pub backends: Backends,

    /// TCP port to listen on; 8080 in a cluster.
    #[arg(long, env = "PORT", default_value_t = 8082)]
    pub port: u16,

    /// The payment provider.
    #[arg(long, env = "PROCESSOR_URL", value_name = "URL")]
    pub processor_url: Url,

    /// Longest wait for an answer of the provider, in milliseconds; after it the outcome is unknown, and is asked for again.
    #[arg(long, env = "PROCESSOR_DEADLINE_MS", value_name = "MS", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub processor_deadline_ms: u64,

    /// Tells this installation's charges from those of others that use the same provider: 1 to 32 characters of a-z, 0-9 and -.
    /// Never change it while bookings live: their charges are found under it.
    #[arg(long, env = "FLEET_ID", value_name = "ID")]
    pub fleet_id: FleetId,
}

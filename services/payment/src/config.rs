//! The settings, from the command line and the environment.

use http_server::Server;
use messaging::Backends;
use upstream::Url;

use crate::domain::FleetId;

/// Takes one payment per booking, and refunds it when the booking is canceled.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "payment", version)]
pub struct Config {
    #[command(flatten)]
    pub server: Server,

    #[command(flatten)]
    pub backends: Backends,

    /// TCP port to listen on. The images and the Kubernetes manifests set 8080.
    #[arg(long, env = "PORT", default_value_t = 8082)]
    pub port: u16,

    /// Address of the payment provider.
    #[arg(long, env = "PROCESSOR_URL", value_name = "URL")]
    pub processor_url: Url,

    /// Maximum wait for a response of the payment provider, in milliseconds. After it, the outcome is
    /// unknown, and the caller or the refunder retries.
    #[arg(long, env = "PROCESSOR_DEADLINE_MS", value_name = "MS", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub processor_deadline_ms: u64,

    /// Distinguishes this installation's charges from those of others at the same provider: 1 to 32
    /// characters of a-z, 0-9 and -. Do not change it while there are bookings, because their charges are
    /// found by it.
    #[arg(long, env = "FLEET_ID", value_name = "ID")]
    pub fleet_id: FleetId,
}

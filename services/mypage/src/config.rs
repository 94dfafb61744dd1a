//! What the environment may say.

use http_server::Server;
use messaging::Backends;

/// Shows customers their bookings, their state and their points.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "mypage", version)]
pub struct Config {
    #[command(flatten)]
    pub server: Server,

    #[command(flatten)]
    pub backends: Backends,

    /// TCP port to listen on; 8080 in a cluster.
    #[arg(long, env = "PORT", default_value_t = 8083)]
    pub port: u16,

    /// Instead of serving: make the view anew from the event log, while the old one is shown, and exit. Goes with running
    /// processes of this version.
    #[arg(long)]
    pub rebuild: bool,
}

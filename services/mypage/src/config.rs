//! The settings, from the command line and the environment.

use http_server::Server;
use messaging::Backends;

/// Shows customers the state of their bookings, and their points.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "mypage", version)]
pub struct Config {
    #[command(flatten)]
    pub server: Server,

    #[command(flatten)]
    pub backends: Backends,

    /// TCP port to listen on. The images and the Kubernetes manifests set 8080.
    #[arg(long, env = "PORT", default_value_t = 8083)]
    pub port: u16,

    /// Rebuild the view from the event log while the old one is shown, and exit. Serves no requests; can run
    /// beside processes of this version.
    #[arg(long)]
    pub rebuild: bool,
}

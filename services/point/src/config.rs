//! The settings, from the command line and the environment.

use http_server::Server;
use messaging::Backends;

/// Keeps the ledger of points that customers earn with their tickets.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "point", version)]
pub struct Config {
    #[command(flatten)]
    pub server: Server,

    #[command(flatten)]
    pub backends: Backends,

    /// TCP port to listen on. The images and the Kubernetes manifests set 8080.
    #[arg(long, env = "PORT", default_value_t = 8085)]
    pub port: u16,
}

//! The settings, from the command line and the environment.

use http_server::Server;
use messaging::Backends;
use upstream::upstream_args;

upstream_args!(
    /// How to call the point service.
    PointArgs, "point", "POINT", "http://127.0.0.1:8085"
);

/// Issues tickets for paid bookings, and lets customers collect them.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "ticket", version)]
pub struct Config {
    #[command(flatten)]
    pub server: Server,

    #[command(flatten)]
    pub backends: Backends,

    /// TCP port to listen on. The images and the Kubernetes manifests set 8080.
    #[arg(long, env = "PORT", default_value_t = 8084)]
    pub port: u16,

    #[command(flatten)]
    pub point: PointArgs,
}

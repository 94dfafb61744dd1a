//! What the environment may say.

use http_server::Server;
use messaging::Backends;
use upstream::upstream_args;

upstream_args!(
    /// How the point service is called.
    PointArgs, "point", "POINT", "http://127.0.0.1:8085"
);

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

    #[command(flatten)]
    pub point: PointArgs,
}

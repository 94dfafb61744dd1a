//! What the environment may say.

use messaging::Backends;
use service_kit::config::Server;
use service_kit::upstream_args;

upstream_args!(
    /// How the payment service is called.
    PaymentArgs, "payment", "PAYMENT", "http://127.0.0.1:8082"
);

/// Takes bookings of movies, has them paid, and cancels them.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "book", version)]
pub struct Config {
    #[command(flatten)]
    pub server: Server,

    #[command(flatten)]
    pub backends: Backends,

    /// TCP port to listen on; 8080 in a cluster.
    #[arg(long, env = "PORT", default_value_t = 8081)]
    pub port: u16,

    /// The cinema: stamped into every booking as `name`.
    #[arg(long = "name", env = "NAME", default_value = "CGV")]
    pub cinema: String,

    #[command(flatten)]
    pub payment: PaymentArgs,

    /// Longest wait for the end of a cancel, in milliseconds; after it the answer is 202.
    #[arg(long, env = "CANCEL_WAIT_MS", default_value_t = 1_000)]
    pub cancel_wait_ms: u64,
}

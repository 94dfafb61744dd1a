//! What the environment may say.

use messaging::Backends;
use reqwest::Url;
use service_kit::config::Server;

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

    /// Where the payment service is.
    #[arg(long, env = "PAYMENT_URL", default_value = "http://127.0.0.1:8082")]
    pub payment_url: Url,

    /// Longest wait for a payment, in milliseconds; after it the outcome is unknown and the answer is 202.
    #[arg(long, env = "PAYMENT_DEADLINE_MS", default_value_t = 1_500)]
    pub payment_deadline_ms: u64,

    /// Longest wait for the end of a cancel, in milliseconds; after it the answer is 202.
    #[arg(long, env = "CANCEL_WAIT_MS", default_value_t = 1_000)]
    pub cancel_wait_ms: u64,
}

//! What the environment may say.

use messaging::Backends;
use service_kit::config::Server;

use crate::clients::Latency;
use crate::domain::Price;

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

    /// How long the sandbox processor takes for a payment, in milliseconds: one number, or a range such as 400..620 from
    /// which each payment draws. None when not set.
    #[arg(long, env = "PAYMENT_LATENCY_MS", value_name = "MS|MIN..MAX")]
    pub payment_latency_ms: Option<Latency>,

    /// The highest price the sandbox processor takes, in the smallest unit of the currency; it declines what is above. Any
    /// when not set.
    #[arg(long, env = "PAYMENT_DECLINE_OVER", value_name = "PRICE")]
    pub payment_decline_over: Option<Price>,
}

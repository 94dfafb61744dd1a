//! The settings, from the command line and the environment.

use http_server::Server;
use storage::DatabaseUrl;

use crate::domain::Amount;
use crate::sandbox::{Faults, Latency, Sandbox};

/// The sandbox payment provider: charges and refunds, moves no real money, and keeps a ledger of both.
#[derive(clap::Parser, Clone, Debug)]
#[command(name = "processor", version)]
pub struct Config {
    #[command(flatten)]
    pub server: Server,

    /// The service's own database: `sqlite://<file>` or `postgres://user:password@host/name`. For TLS,
    /// append `?sslmode=verify-full&sslrootcert=<file>`, and use a binary built with `--features tls`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: DatabaseUrl,

    /// How long the start may wait for an unreachable database, in milliseconds. Useful where processes and
    /// servers start in no particular order, as in a cluster.
    #[arg(long, env = "DATABASE_WAIT_MS", default_value_t = 0)]
    pub database_wait_ms: u64,

    /// TCP port to listen on. The images and the Kubernetes manifests set 8080.
    #[arg(long, env = "PORT", default_value_t = 8090)]
    pub port: u16,

    /// How long a charge takes, in milliseconds: a number, or a range such as 400..620 from which each charge
    /// draws a number. By default, a charge takes no time.
    #[arg(long, env = "PAYMENT_LATENCY_MS", value_name = "MS|MIN..MAX")]
    pub payment_latency_ms: Option<Latency>,

    /// The highest amount that is charged, in the smallest unit of the currency; higher amounts are declined.
    /// By default, there is no limit.
    #[arg(long, env = "PAYMENT_DECLINE_OVER", value_name = "AMOUNT")]
    pub payment_decline_over: Option<Amount>,

    /// Shares of the responses that fail on purpose, such as lost=0.02,late=0.01,5xx=0.05. `lost`: the
    /// request is processed, and the connection closes without a response. `late`: the response is 8 s late.
    /// `5xx`: the response is 500, half of the time after the request was processed, otherwise without
    /// processing it. By default, no response fails.
    #[arg(
        long,
        env = "PAYMENT_FAULTS",
        value_name = "FAULT=SHARE,…",
        default_value = "",
        hide_default_value = true
    )]
    pub payment_faults: Faults,
}

impl Config {
    /// The behavior of the sandbox.
    pub fn sandbox(&self) -> Sandbox {
        Sandbox {
            latency: self.payment_latency_ms,
            decline_over: self.payment_decline_over,
            faults: self.payment_faults,
            ..Sandbox::default()
        }
    }
}

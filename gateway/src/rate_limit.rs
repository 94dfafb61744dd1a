//! The limit of requests per client.
//!
//! A client is an address: the connection's peer, or behind a proxy in `TRUSTED_PROXIES`, the address that
//! the proxy reports. Behind a load balancer that is not trusted, all customers count as one client, so the
//! limit is off by default.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use http::StatusCode;
use http_api::problem::Problem;
use http_api::proxies::customer;
use metrics::Counter;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// How often clients with a full quota are forgotten.
const FORGET_INTERVAL: Duration = Duration::from_secs(10);

pub struct RateLimit {
    clock: DefaultClock,
    clients: RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, DefaultClock>,
    limited: Counter,
}

impl RateLimit {
    /// Creates the limit that `config` sets, if any.
    pub fn of(config: &Config) -> Option<Self> {
        let rate = config.rate_limit_per_second?;
        let quota = Quota::per_second(rate).allow_burst(config.rate_limit_burst.unwrap_or(rate));
        telemetry::record();
        Some(Self {
            clock: DefaultClock::default(),
            clients: RateLimiter::keyed(quota),
            limited: metrics::counter!("gateway_requests_rate_limited_total"),
        })
    }

    /// Counts a request of the client at `address`.
    ///
    /// # Errors
    ///
    /// 429 if the client has exceeded its quota.
    pub fn check(&self, address: IpAddr) -> Result<(), Problem> {
        let Err(too_early) = self.clients.check_key(&customer(address)) else { return Ok(()) };
        self.limited.increment(1);
        let wait = too_early.wait_time_from(self.clock.now());
        let detail =
            "Too many requests from your address. This request was not processed; send it again later.";
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail)
            .retry_after(wait.as_secs() + 1))
    }

    /// Forgets clients with a full quota, periodically until `stop`.
    pub async fn forget(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(FORGET_INTERVAL)).await.is_some() {
            self.clients.retain_recent();
            self.clients.shrink_to_fit();
        }
    }
}

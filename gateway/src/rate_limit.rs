//! How often one client may ask.
//!
//! A client is the address its connection comes from: headers say what their sender likes. Behind a load balancer that
//! hides the addresses everybody would be one client, so the limit is off unless it is set.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use http::StatusCode;
use metrics::Counter;
use service_kit::problem::Problem;
use service_kit::telemetry;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// Clients that could ask freely again are forgotten this often.
const FORGET_INTERVAL: Duration = Duration::from_secs(10);

pub struct RateLimit {
    clock: DefaultClock,
    clients: RateLimiter<IpAddr, DefaultKeyedStateStore<IpAddr>, DefaultClock>,
    limited: Counter,
}

impl RateLimit {
    /// The limit that `config` sets, if it does.
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

    /// Whether the client at `address` may ask now.
    ///
    /// # Errors
    ///
    /// 429 where it may not yet.
    pub fn check(&self, address: IpAddr) -> Result<(), Problem> {
        let Err(too_early) = self.clients.check_key(&client(address)) else { return Ok(()) };
        self.limited.increment(1);
        let wait = too_early.wait_time_from(self.clock.now());
        let detail =
            "You ask more often than one client may. Nothing was done; the same request may be sent again.";
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail)
            .retry_after(wait.as_secs() + 1))
    }

    /// Keeps only those clients in memory that are near their limit, until `stop`.
    pub async fn forget(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(FORGET_INTERVAL)).await.is_some() {
            self.clients.retain_recent();
            self.clients.shrink_to_fit();
        }
    }
}

/// One customer has all addresses of an IPv6 network.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            Ipv6Addr::from_bits(network).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_ipv4_address_or_an_ipv6_network() {
        for (address, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ] {
            assert_eq!(client(address.parse().unwrap()), expected.parse::<IpAddr>().unwrap());
        }
    }
}

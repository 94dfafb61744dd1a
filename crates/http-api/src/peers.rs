//! Which peers have a limit of their own.
//!
//! One peer must not use up the memory for bodies or the connections, which all peers share. A proxy, or a
//! program on this machine, is one peer with many clients behind it, so it has no limit of its own.

use std::net::IpAddr;

use crate::proxies::{TrustedProxies, customer};

/// Decides which peers have no limit of their own: loopback addresses and trusted proxies.
#[derive(Clone, Debug, Default)]
pub struct Exempt(TrustedProxies);

impl Exempt {
    pub fn new(proxies: TrustedProxies) -> Self {
        Self(proxies)
    }

    /// Returns the customer that is charged for `peer`, or `None` if the peer has no limit of its own.
    pub fn charged(&self, peer: IpAddr) -> Option<IpAddr> {
        let is_exempt = peer.to_canonical().is_loopback() || self.0.contains(peer);
        (!is_exempt).then(|| customer(peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn loopback_and_proxies_have_no_limit_of_their_own() {
        let exempt = Exempt::new("192.0.2.7".parse().unwrap());
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "192.0.2.7"] {
            assert_eq!(exempt.charged(address(peer)), None, "{peer}");
        }
        assert_eq!(exempt.charged(address("192.0.2.8")), Some(address("192.0.2.8")));
        assert_eq!(exempt.charged(address("2001:db8:1:2:3::4")), Some(address("2001:db8:1:2::")));
    }
}

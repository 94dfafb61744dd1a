//! Which peers have a limit of their own.
//!
//! One peer must not use up what all share: memory for bodies, connections. A proxy is one peer with many clients behind
//! it, and so is a program on the same machine, so these have no limit of their own.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// Decides which peers have no limit of their own.
#[derive(Clone)]
pub struct Exempt(Arc<dyn Fn(IpAddr) -> bool + Send + Sync>);

impl Exempt {
    /// Exempts loopback addresses, and those for which `is_proxy` holds.
    pub fn new(is_proxy: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |peer| peer.to_canonical().is_loopback() || is_proxy(peer)))
    }

    /// Whom the use by `peer` is charged to; `None` if it has no limit of its own.
    pub fn charged(&self, peer: IpAddr) -> Option<IpAddr> {
        (!(self.0)(peer)).then(|| network(peer))
    }
}

impl fmt::Debug for Exempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exempt").finish_non_exhaustive()
    }
}

/// The address of one customer: an IPv4 address, or the /64 network of an IPv6 address, all of which one customer has.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_customer_is_an_ipv4_address_or_an_ipv6_network() {
        for (peer, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ] {
            assert_eq!(network(address(peer)), address(expected));
        }
    }

    #[test]
    fn loopback_and_proxies_have_no_limit_of_their_own() {
        let proxy = address("192.0.2.7");
        let exempt = Exempt::new(move |peer| peer == proxy);
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "192.0.2.7"] {
            assert_eq!(exempt.charged(address(peer)), None, "{peer}");
        }
        assert_eq!(exempt.charged(address("192.0.2.8")), Some(address("192.0.2.8")));
    }
}

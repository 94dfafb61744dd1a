//! Which peers are the fleet's own proxies, and what they report about a client.
//!
//! Any client can send `X-Forwarded-For` or `Forwarded`, so these headers count only if the peer of the
//! connection is in `TRUSTED_PROXIES`. Each proxy appends to the right end of a list, so lists are read from
//! the right: trusted proxies are skipped, and the first other address is the client. Everything to its left
//! is the client's own claim.

mod forwarded;
mod host;

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use ipnet::{IpNet, Ipv4Net};

pub use host::{Host, Prefix};

pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
pub const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// Maximum number of hops that are read from a list. If there are more, the last of these counts as the
/// client.
const HOPS_MAX: usize = 32;
/// Bits before the IPv4 address in an IPv4-mapped IPv6 address.
const MAPPED_BITS: u8 = 96;

/// Addresses and networks whose `X-Forwarded-*` and `Forwarded` headers are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

#[derive(Debug, thiserror::Error)]
#[error("'{0}' is neither an address nor a network such as 10.0.0.0/8")]
pub struct NotANetwork(String);

impl FromStr for TrustedProxies {
    type Err = NotANetwork;

    fn from_str(list: &str) -> Result<Self, Self::Err> {
        if list.trim().is_empty() {
            return Ok(Self::default());
        }
        let network = |item: &str| network(item).ok_or_else(|| NotANetwork(item.to_owned()));
        list.split(',').map(str::trim).map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl TrustedProxies {
    /// Trusts `127.0.0.1` and `::1`.
    pub fn loopback() -> Self {
        let addresses: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        Self(addresses.map(IpNet::from).into())
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Returns the client of a request from `peer` with these `headers`.
    pub fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> Caller {
        let direct = Caller::direct(peer);
        if !self.contains(direct.address) {
            return direct;
        }
        let has_any = FAMILY.iter().any(|name| headers.contains_key(name));
        if has_any {
            self.by_x_forwarded(direct, headers)
        } else if headers.contains_key(http::header::FORWARDED) {
            self.by_forwarded(direct, headers)
        } else {
            direct
        }
    }

    fn by_x_forwarded(&self, direct: Caller, headers: &HeaderMap) -> Caller {
        let hops = list(headers, &FORWARDED_FOR);
        let hops = hops.iter().rev().map(|hop| forwarded::address(hop));
        let (address, place) = self.client(direct.address, hops);
        // A proxy that replaces the header instead of appending to it leaves one value, whatever its place.
        let reported = |name| {
            let mut values = list(headers, name);
            values.drain(..values.len().saturating_sub(place + 1));
            values.into_iter().next()
        };
        Caller {
            address,
            is_forwarded: true,
            scheme: reported(&FORWARDED_PROTO).and_then(|value| Scheme::parse(&value)),
            host: reported(&FORWARDED_HOST).and_then(|value| Host::parse(&value)),
            port: reported(&FORWARDED_PORT).and_then(|value| host::port(&value)),
            prefix: reported(&FORWARDED_PREFIX).and_then(|value| Prefix::parse(&value)),
        }
    }

    fn by_forwarded(&self, direct: Caller, headers: &HeaderMap) -> Caller {
        let elements = forwarded::elements(headers);
        let hops = elements.iter().rev().map(|element| element.client);
        let (address, place) = self.client(direct.address, hops);
        let reported = elements.into_iter().rev().take(place + 1).next_back().unwrap_or_default();
        Caller {
            address,
            is_forwarded: true,
            scheme: reported.proto.and_then(|value| Scheme::parse(&value)),
            host: reported.host.and_then(|value| Host::parse(&value)),
            port: None,
            prefix: None,
        }
    }

    /// Returns the first of `hops`, from the nearest, that is not a trusted proxy, and its place. A hop
    /// without an address ends the search; the client is then the proxy that reported the hop.
    fn client(&self, peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>) -> (IpAddr, usize) {
        let (mut client, mut place) = (peer, 0);
        for (at, hop) in hops.take(HOPS_MAX).enumerate() {
            place = at;
            let Some(address) = hop else { break };
            client = address;
            if !self.contains(address) {
                break;
            }
        }
        (client, place)
    }
}

/// The family of `X-Forwarded-*`. If a request has one of these headers, `Forwarded` is ignored: the proxy
/// uses this family, and the other header may be the client's.
static FAMILY: [HeaderName; 5] =
    [FORWARDED_FOR, FORWARDED_HOST, FORWARDED_PROTO, FORWARDED_PORT, FORWARDED_PREFIX];

/// Returns the values of a list header, which may have several lines. Bytes that are not UTF-8 invalidate
/// only their own value: they may be the client's, in a line to which a proxy has appended.
fn list(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines = headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    let values = |line: Cow<'_, str>| -> Vec<String> {
        line.split(',').map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
    };
    lines.flat_map(values).collect()
}

/// Reads a network, or an address as a network of one. An IPv4-mapped address becomes IPv4, as those of peers
/// do.
fn network(text: &str) -> Option<IpNet> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address.to_canonical()),
        Err(_) => text.parse::<IpNet>().ok()?.trunc(),
    };
    let IpNet::V6(wide) = network else { return Some(network) };
    match (wide.addr().to_ipv4_mapped(), wide.prefix_len().checked_sub(MAPPED_BITS)) {
        (Some(address), Some(bits)) => Ipv4Net::new(address, bits).ok().map(IpNet::V4),
        _ => Some(network),
    }
}

/// Returns the customer behind an address: the IPv4 address, or the 64-bit IPv6 network that a customer has.
pub fn customer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

/// The scheme by which a client reaches the fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    #[default]
    Http,
    Https,
}

impl Scheme {
    /// Reads `http` or `https`, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let known = [Self::Http, Self::Https];
        known.into_iter().find(|scheme| text.eq_ignore_ascii_case(scheme.as_str()))
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The sender of a request, and how it reached the outermost trusted proxy. What that proxy does not report
/// is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub address: IpAddr,
    /// Whether a trusted proxy forwarded the request.
    pub is_forwarded: bool,
    pub scheme: Option<Scheme>,
    pub host: Option<Host>,
    /// The port that the client used, for a host without one.
    pub port: Option<u16>,
    pub prefix: Option<Prefix>,
}

impl Caller {
    /// A client without a proxy.
    pub fn direct(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, is_forwarded: false, scheme: None, host: None, port: None, prefix: None }
    }

    /// Returns `host` with the port that the proxy reports, unless `host` has a port or the scheme implies
    /// it.
    pub fn with_port(&self, host: Host) -> Host {
        let implied = self.scheme.unwrap_or_default().default_port();
        match (host.port, self.port) {
            (None, Some(port)) if port != implied => host.at(port),
            _ => host,
        }
    }
}

/// Extracts the caller that the process has already resolved, or resolves it from the peer and
/// `TRUSTED_PROXIES`. A router without a connection, as in tests, has an unknown caller and trusts no proxy.
impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let Some(peer) = peer else { return Ok(Self::direct(Ipv4Addr::UNSPECIFIED.into())) };
        Ok(match parts.extensions.get::<TrustedProxies>() {
            Some(proxies) => proxies.caller(peer, &parts.headers),
            None => Self::direct(peer),
        })
    }
}

#[cfg(test)]
mod tests;

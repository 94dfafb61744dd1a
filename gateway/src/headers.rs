//! What travels with a request and an answer, and what does not.

use std::net::IpAddr;

use http::header::{CONNECTION, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// They concern one connection (RFC 9110, section 7.6.1).
static HOP_BY_HOP: [HeaderName; 7] =
    [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Takes off what concerns the connection alone, which its other end may add to by name.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let lists = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let names = lists.flat_map(|list| list.split(',')).map(str::trim);
    let nominated: Vec<HeaderName> =
        names.filter(|name| !is_about_its_life(name)).filter_map(|name| name.parse().ok()).collect();
    for name in nominated {
        headers.remove(name);
    }
    // To look through the few there are takes less time than to look each of these up.
    while let Some(name) = headers.keys().find(|name| HOP_BY_HOP.contains(name)).cloned() {
        headers.remove(name);
    }
}

/// Whether an option of `Connection` is one that names no header.
fn is_about_its_life(option: &str) -> bool {
    option.eq_ignore_ascii_case("keep-alive") || option.eq_ignore_ascii_case("close")
}

/// Makes a client's headers those of a request to a service, but for `Host`: what a proxy in front said of the client
/// is kept.
pub fn forward(headers: &mut HeaderMap, peer: IpAddr) {
    strip_hop_by_hop(headers);
    // The body is here already.
    headers.remove(EXPECT);
    if let Some(host) = headers.remove(HOST)
        && !headers.contains_key(FORWARDED_HOST)
    {
        headers.insert(FORWARDED_HOST, host);
    }
    if !headers.contains_key(FORWARDED_PROTO) {
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
    }
    let before = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let mut chain = before.fold(String::new(), |chain, address| chain + address + ", ");
    chain.push_str(&peer.to_canonical().to_string());
    if let Ok(chain) = HeaderValue::from_str(&chain) {
        headers.insert(FORWARDED_FOR, chain);
    }
}

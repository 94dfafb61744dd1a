//! Which hosts a process answers for.
//!
//! A process on a loopback address serves only programs of this machine. One of these is the browser, which
//! runs pages of other sites. A site can let its name resolve to 127.0.0.1 (DNS rebinding), so that its page
//! can send any request to any local port. Even without that, a page can send some requests whose responses
//! it cannot read. A request of the first kind names the site in `Host`, one of the second kind in `Origin`.
//! The process refuses both, unless the host is this machine or is in `ALLOWED_HOSTS`.

use std::borrow::Cow;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use crate::probes::is_probe;
use http_api::problem::Problem;
use http_api::proxies::{FORWARDED_FOR, Host};

/// Means every host in `ALLOWED_HOSTS`.
const ANY: &str = "*";

/// `ALLOWED_HOSTS`: the hosts that requests may name in addition to this machine. Empty if it is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    names: Arc<[Box<str>]>,
    is_any: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not the name or the address of a host, such as cinema.example, without a port")]
pub struct NotAHost(String);

impl FromStr for AllowedHosts {
    type Err = NotAHost;

    fn from_str(list: &str) -> Result<Self, NotAHost> {
        let items: Vec<&str> = list.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
        let name = |item: &&str| match Host::parse(item) {
            Some(host) if !host.has_port() && !item.ends_with(':') => Ok(without_root(host.name()).into()),
            _ => Err(NotAHost((*item).to_owned())),
        };
        let is_any = items.contains(&ANY);
        let names = items.iter().filter(|item| **item != ANY).map(name).collect::<Result<_, _>>()?;
        Ok(Self { names, is_any })
    }
}

impl AllowedHosts {
    /// Returns the hosts that a process on `address` allows, or `None` if it allows every host.
    ///
    /// Callers of a process on any other address than a loopback one use the name that their network has for
    /// it, so that only a configured list is checked.
    pub fn of(&self, address: IpAddr) -> Option<Self> {
        let is_checked = !self.is_any && (address.is_loopback() || !self.names.is_empty());
        is_checked.then(|| self.clone())
    }

    /// Returns the configured hosts, or `None` if every host is allowed.
    pub fn configured(&self) -> Option<Self> {
        (!self.is_any && !self.names.is_empty()).then(|| self.clone())
    }

    fn allows(&self, text: &str) -> bool {
        Host::parse(text).is_some_and(|host| {
            let name = without_root(host.name());
            is_of_this_machine(name) || self.names.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
        })
    }

    /// Refuses a request that names another host, in `Host` or in its target.
    ///
    /// # Errors
    ///
    /// 421 naming the host.
    pub fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let named = headers.get_all(HOST).iter().map(text);
        let mut named = named.chain(uri.authority().map(|authority| authority.as_str().into()));
        named.find(|host| !self.allows(host)).map_or(Ok(()), |host| Err(misdirected(&host)))
    }

    /// Refuses a change that a page of another host asks for.
    ///
    /// # Errors
    ///
    /// 403 naming the origin.
    pub fn check_origin(&self, method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
        // The gateway checks the origin of what it forwards. A page cannot send this header across sites.
        if method.is_safe() || headers.contains_key(FORWARDED_FOR) {
            return Ok(());
        }
        let is_allowed =
            |origin: &Cow<'_, str>| origin.split_once("://").is_some_and(|(_, host)| self.allows(host));
        let mut origins = headers.get_all(ORIGIN).iter().map(text);
        origins.find(|origin| !is_allowed(origin)).map_or(Ok(()), |origin| Err(foreign(&origin)))
    }
}

/// Middleware: checks the host, if the process has a list. Probes may name any host: an orchestrator names
/// the address of the process, and a probe reveals only whether the process is up.
pub async fn layer(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_exempt = is_probe(path) && path != "/metrics";
    if let Some(hosts) = request.extensions().get::<AllowedHosts>().filter(|_| !is_exempt) {
        let headers = request.headers();
        let checked = hosts.check_host(request.uri(), headers);
        if let Err(refused) = checked.and_then(|()| hosts.check_origin(request.method(), headers)) {
            return refused.into_response();
        }
    }
    next.run(request).await
}

fn text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

/// Names are compared without the dot of the root, and without case.
fn without_root(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

fn is_of_this_machine(name: &str) -> bool {
    let address = name.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

fn misdirected(host: &str) -> Problem {
    let detail = format!(
        "This process does not serve the host {host:?}. Its operator can add the host to ALLOWED_HOSTS."
    );
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected-request", detail)
}

fn foreign(origin: &str) -> Problem {
    let detail = format!(
        "Pages from {origin:?} may not send requests that change data. The operator can add their host to ALLOWED_HOSTS."
    );
    Problem::new(StatusCode::FORBIDDEN, "foreign-origin", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: [&str; 2] = ["127.0.0.1", "::1"];

    fn hosts(list: &str) -> AllowedHosts {
        list.parse().unwrap()
    }

    /// The status of the refusal of a `method` with these headers, by a process on a loopback address.
    fn refusal(list: &str, method: Method, headers: &[(&'static str, &str)]) -> Option<u16> {
        let hosts = hosts(list).of("127.0.0.1".parse().unwrap()).unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let checked = hosts.check_host(&Uri::from_static("/payments"), &map);
        let refused = checked.and_then(|()| hosts.check_origin(&method, &map)).err()?;
        Some(refused.into_response().status().as_u16())
    }

    #[test]
    fn loopback_names_are_allowed_and_all_others_are_refused() {
        for host in [
            "localhost",
            "LOCALHOST:8082",
            "localhost.",
            "127.0.0.1:8082",
            "127.1.2.3",
            "[::1]:8082",
            "[::ffff:127.0.0.1]",
        ] {
            assert_eq!(refusal("", Method::POST, &[("host", host)]), None, "{host}");
        }
        for host in [
            "evil.example:8082",
            "localhost.evil.example",
            "evil.localhost.example",
            "127.0.0.1.nip.io",
            "192.168.0.7:8082",
            "[2001:db8::1]",
            "0.0.0.0",
            "",
            "a b",
            "localhost@evil.example",
            "\u{ff4c}ocalhost",
        ] {
            for method in [Method::GET, Method::POST] {
                assert_eq!(refusal("", method, &[("host", host)]), Some(421), "{host}");
            }
        }
        assert_eq!(refusal("", Method::GET, &[("host", "localhost"), ("host", "evil.example")]), Some(421));
    }

    #[test]
    fn configured_hosts_are_allowed_too() {
        for host in ["cinema.example", "Cinema.Example.:8082", "[2001:DB8::1]", "localhost"] {
            assert_eq!(
                refusal("cinema.example, [2001:db8::1]", Method::GET, &[("host", host)]),
                None,
                "{host}"
            );
        }
        assert_eq!(refusal("cinema.example", Method::GET, &[("host", "evil.example")]), Some(421));
        for wrong in ["cinema.example:8082", "http://cinema.example", "a b", "a/b", "::1"] {
            assert!(wrong.parse::<AllowedHosts>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_loopback_process_checks_hosts_without_a_list() {
        for address in LOOPBACK {
            let address = address.parse().unwrap();
            assert!(hosts("").of(address).is_some());
            assert!(hosts("*").of(address).is_none());
        }
        for address in ["0.0.0.0", "::", "10.0.0.7"] {
            let address = address.parse().unwrap();
            assert!(hosts("").of(address).is_none());
            assert!(hosts("cinema.example").of(address).is_some());
        }
    }

    #[test]
    fn page_of_another_host_cannot_change_anything() {
        let host = ("host", "127.0.0.1:8082");
        for origin in
            ["http://evil.example", "https://evil.example:8082", "null", "", "http://localhost.evil.example"]
        {
            let headers = [host, ("origin", origin)];
            assert_eq!(refusal("", Method::POST, &headers), Some(403), "{origin}");
            assert_eq!(refusal("", Method::GET, &headers), None, "{origin}");
            let through_the_gateway = [host, ("origin", origin), ("x-forwarded-for", "203.0.113.7")];
            assert_eq!(refusal("", Method::POST, &through_the_gateway), None, "{origin}");
        }
        for origin in ["http://localhost:3000", "http://127.0.0.1:8088", "http://[::1]"] {
            assert_eq!(refusal("", Method::POST, &[host, ("origin", origin)]), None, "{origin}");
        }
        assert_eq!(refusal("evil.example", Method::POST, &[host, ("origin", "http://evil.example")]), None);
    }
}

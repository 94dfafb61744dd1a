//! The client of a request, and the address under which it reached the fleet.

use std::net::IpAddr;
use std::str::FromStr;

use axum::extract::Request;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, Version};
use http_api::problem::Problem;
use http_api::proxies::{Caller, Host, Prefix, Scheme, TrustedProxies};

/// What the gateway finds out about each client.
pub struct Clients {
    trusted: TrustedProxies,
    public: Option<PublicUrl>,
}

/// What services learn about the client of a request.
#[derive(Clone, Debug)]
pub struct Client {
    pub caller: Caller,
    pub scheme: Scheme,
    /// Absent when an HTTP/1.0 client names none.
    pub host: Option<HeaderValue>,
    pub prefix: Option<HeaderValue>,
}

impl Clients {
    pub fn new(trusted: TrustedProxies, public: Option<PublicUrl>) -> Self {
        Self { trusted, public }
    }

    /// Returns the sender of a request with `headers` that came over a connection from `peer`.
    pub fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> Caller {
        self.trusted.caller(peer, headers)
    }

    /// What services learn about the `caller` that sent `request`: `PUBLIC_URL` where it is set, else what a trusted
    /// proxy reports, else what the request itself names.
    ///
    /// # Errors
    ///
    /// 400 for a request whose `Host` is missing, doubled or malformed, whatever else is known.
    pub fn client(&self, caller: Caller, request: &Request) -> Result<Client, Problem> {
        let named = named_host(request, &caller)?;
        if let Some(PublicUrl { scheme, host, prefix }) = &self.public {
            let (scheme, host, prefix) = (*scheme, Some(host.clone()), prefix.clone());
            return Ok(Client { caller, scheme, host, prefix });
        }
        let host = match (&caller.host, named) {
            (Some(host), _) => Some(value(caller.with_port(host.clone()).to_string())),
            (None, Some(Named::Host(host))) => Some(value(caller.with_port(host).to_string())),
            (None, Some(Named::Normal(value))) => Some(value),
            (None, None) => None,
        };
        let prefix = caller.prefix.as_ref().map(|prefix| value(prefix.as_str().to_owned()));
        let scheme = caller.scheme.unwrap_or_default();
        Ok(Client { caller, scheme, host, prefix })
    }
}

/// The host that a request names.
enum Named {
    /// As it goes to a service too. Nearly every client writes it so.
    Normal(HeaderValue),
    Host(Host),
}

impl Named {
    /// What the only `Host` of a request names. `is_final`: no proxy reports a port for it.
    fn read(value: &HeaderValue, is_final: bool) -> Option<Self> {
        let text = value.to_str().ok()?;
        if is_final && Host::is_normal(text) {
            return Some(Self::Normal(value.clone()));
        }
        Host::parse(text).map(Self::Host)
    }
}

/// The host that a request is for (RFC 9112, section 3.2). A target in absolute form goes before `Host`.
fn named_host(request: &Request, caller: &Caller) -> Result<Option<Named>, Problem> {
    let mut lines = request.headers().get_all(HOST).iter();
    let host = match (lines.next(), lines.next()) {
        (Some(host), None) => {
            Some(Named::read(host, caller.port.is_none()).ok_or_else(|| invalid_host("is no host"))?)
        }
        (None, _) if request.version() == Version::HTTP_10 => None,
        (None, _) => return Err(invalid_host("is missing")),
        (Some(_), Some(_)) => return Err(invalid_host("is sent more than once")),
    };
    let Some(authority) = request.uri().authority() else { return Ok(host) };
    let host = Host::parse(authority.as_str()).ok_or_else(|| invalid_host("is no host in the target"))?;
    Ok(Some(Named::Host(host)))
}

fn invalid_host(fault: &str) -> Problem {
    let detail = format!("Host {fault}; send exactly one, such as `Host: cinema.example:8088`.");
    Problem::new(StatusCode::BAD_REQUEST, "invalid-host", detail)
}

/// Hosts and prefixes are visible ASCII.
fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("a checked host or prefix is a header's value")
}

/// What all links begin with: `http(s)://host[:port][/prefix]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    scheme: Scheme,
    host: HeaderValue,
    prefix: Option<HeaderValue>,
}

#[derive(Debug, thiserror::Error)]
#[error("must be http://host[:port][/prefix] or https://host[:port][/prefix]")]
pub struct NotAPublicUrl;

impl FromStr for PublicUrl {
    type Err = NotAPublicUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| NotAPublicUrl)?;
        let scheme = uri.scheme_str().and_then(Scheme::parse).ok_or(NotAPublicUrl)?;
        let host = uri.authority().and_then(|host| Host::parse(host.as_str())).ok_or(NotAPublicUrl)?;
        let prefix = match uri.path() {
            "/" => None,
            path => Some(value(Prefix::parse(path).ok_or(NotAPublicUrl)?.as_str().to_owned())),
        };
        // The parser drops a fragment.
        let is_bare = uri.query().is_none() && !text.contains('#');
        is_bare.then(|| Self { scheme, host: value(host.to_string()), prefix }).ok_or(NotAPublicUrl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_a_scheme_a_host_and_perhaps_a_port_and_a_prefix() {
        for (text, scheme, host, prefix) in [
            ("https://cinema.example", Scheme::Https, "cinema.example", None),
            ("http://cinema.example:8088/", Scheme::Http, "cinema.example:8088", None),
            ("HTTPS://[2001:db8::1]/tickets/", Scheme::Https, "[2001:db8::1]", Some("/tickets")),
        ] {
            let url: PublicUrl = text.parse().unwrap();
            assert_eq!(
                (url.scheme, url.host, url.prefix),
                (scheme, HeaderValue::from_static(host), prefix.map(HeaderValue::from_static)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_no_link_may_begin_with_is_no_public_url() {
        for text in [
            "",
            "cinema.example",
            "//cinema.example",
            "/tickets",
            "ftp://cinema.example",
            "https://",
            "https://user@cinema.example",
            "https://cinema.example:0",
            "https://cinema.example:x",
            "https://cinema.example?a=1",
            "https://cinema.example/#top",
            "https://cinema.example//tickets",
            "https://cinema.example/..",
            "https://a,https://b",
        ] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text}");
        }
    }
}

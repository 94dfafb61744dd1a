//! The client of a request, and the address under which it reached the fleet.

use std::net::IpAddr;
use std::str::FromStr;

use axum::extract::Request;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, Version};
use http_api::hal::Link;
use http_api::problem::Problem;
use http_api::proxies::{Caller, Host, Prefix, Scheme, TrustedProxies};

/// Identifies the client of each request.
pub struct Clients {
    trusted: TrustedProxies,
    public: Option<PublicUrl>,
}

/// The client of a request, as the services see it.
#[derive(Clone, Debug)]
pub struct Client {
    pub caller: Caller,
    pub scheme: Scheme,
    /// `None` if an HTTP/1.0 client sends no `Host`.
    pub host: Option<HeaderValue>,
    pub prefix: Option<HeaderValue>,
}

impl Client {
    /// Returns the beginning of the URLs under which this client reaches the gateway: relative if it names no
    /// host.
    pub fn base_url(&self) -> String {
        let text = |value: &Option<HeaderValue>| -> String {
            value.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        match (text(&self.host), text(&self.prefix)) {
            (host, prefix) if !host.is_empty() => format!("{}://{host}{prefix}", self.scheme),
            (_, prefix) if prefix.is_empty() => "/".to_owned(),
            (_, prefix) => prefix,
        }
    }
}

impl Clients {
    pub fn new(trusted: TrustedProxies, public: Option<PublicUrl>) -> Self {
        Self { trusted, public }
    }

    /// Returns the sender of a request with `headers` that came over a connection from `peer`.
    pub fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> Caller {
        self.trusted.caller(peer, headers)
    }

    /// Returns the client that sent `request`. Its scheme, host and prefix come from `PUBLIC_URL` if it is
    /// set, else from a trusted proxy, else from the request itself.
    ///
    /// # Errors
    ///
    /// 400 if `Host` is missing, repeated or malformed, even if the host comes from elsewhere.
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

impl Client {
    /// Returns a link to `path` at the address that the client used; without a host, a relative one.
    pub fn link(&self, path: &str) -> Link {
        let text = |value: &Option<HeaderValue>| {
            value.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let prefix = text(&self.prefix);
        Link {
            href: match text(&self.host).as_str() {
                "" => format!("{prefix}{path}"),
                host => format!("{}://{host}{prefix}{path}", self.scheme),
            },
        }
    }
}

/// The host in a request.
enum Named {
    /// A value that services get unchanged. Nearly every client sends one.
    Normal(HeaderValue),
    Host(Host),
}

impl Named {
    /// Parses the value of `Host`. `is_final`: no proxy reports another port for it.
    fn read(value: &HeaderValue, is_final: bool) -> Option<Self> {
        let text = value.to_str().ok()?;
        if is_final && Host::is_normal(text) {
            return Some(Self::Normal(value.clone()));
        }
        Host::parse(text).map(Self::Host)
    }
}

/// Returns the host that a request is for (RFC 9112, section 3.2). A target in absolute form has priority
/// over `Host`.
fn named_host(request: &Request, caller: &Caller) -> Result<Option<Named>, Problem> {
    let mut lines = request.headers().get_all(HOST).iter();
    let host = match (lines.next(), lines.next()) {
        (Some(host), None) => {
            Some(Named::read(host, caller.port.is_none()).ok_or_else(|| invalid_host("is malformed"))?)
        }
        (None, _) if request.version() == Version::HTTP_10 => None,
        (None, _) => return Err(invalid_host("is missing")),
        (Some(_), Some(_)) => return Err(invalid_host("is sent more than once")),
    };
    let Some(authority) = request.uri().authority() else { return Ok(host) };
    let host = Host::parse(authority.as_str()).ok_or_else(|| invalid_host("in the target is malformed"))?;
    Ok(Some(Named::Host(host)))
}

fn invalid_host(fault: &str) -> Problem {
    let detail = format!("Host {fault}; send exactly one, such as `Host: cinema.example:8088`.");
    Problem::new(StatusCode::BAD_REQUEST, "invalid-host", detail)
}

/// Converts a host or a prefix, which consists of visible ASCII.
fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("a checked host or prefix is a valid header value")
}

/// The beginning of all links: `http(s)://host[:port][/prefix]`.
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
    fn public_url_has_a_scheme_and_a_host_and_optionally_a_port_and_a_prefix() {
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
    fn invalid_public_url_is_rejected() {
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

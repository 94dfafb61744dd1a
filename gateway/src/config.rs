//! Where to listen, where the services are, who may call from a browser.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use axum::http::uri::Uri;
use clap::{Parser, value_parser};
use http::HeaderValue;
use http_api::staff::Staff;
use http_server::Server;

use crate::client::PublicUrl;

/// The one address of the movie-booking fleet.
#[derive(Parser, Clone, Debug)]
#[command(name = "gateway", version = process::VERSION, about, long_about = None)]
pub struct Config {
    #[command(flatten)]
    pub server: Server,

    #[command(flatten)]
    pub staff: Staff,

    /// Port to listen on.
    #[arg(long, env = "PORT", default_value_t = 8088)]
    pub port: u16,

    /// Where book is: `http://host:port`, or a comma list of its replicas.
    #[arg(long, env = "BOOK_URL", default_value = "http://127.0.0.1:8081")]
    pub book_url: UpstreamUrls,

    /// Where payment is: `http://host:port`, or a comma list of its replicas.
    #[arg(long, env = "PAYMENT_URL", default_value = "http://127.0.0.1:8082")]
    pub payment_url: UpstreamUrls,

    /// Where mypage is: `http://host:port`, or a comma list of its replicas.
    #[arg(long, env = "MYPAGE_URL", default_value = "http://127.0.0.1:8083")]
    pub mypage_url: UpstreamUrls,

    /// Where ticket is: `http://host:port`, or a comma list of its replicas.
    #[arg(long, env = "TICKET_URL", default_value = "http://127.0.0.1:8084")]
    pub ticket_url: UpstreamUrls,

    /// Where point is: `http://host:port`, or a comma list of its replicas.
    #[arg(long, env = "POINT_URL", default_value = "http://127.0.0.1:8085")]
    pub point_url: UpstreamUrls,

    /// Longest wait for the head of a service's answer, in milliseconds. Its body may take as long as it wants.
    #[arg(long, env = "UPSTREAM_TIMEOUT_MS", default_value_t = 10_000, value_parser = value_parser!(u64).range(1..))]
    pub upstream_timeout_ms: u64,

    /// What links begin with, such as `https://cinema.example`: scheme, host, and perhaps a port and a path in front of all
    /// paths. By default, links begin with the address that the client used.
    #[arg(long, env = "PUBLIC_URL")]
    pub public_url: Option<PublicUrl>,

    /// Requests a second that one client may send; no limit by default. A client is an address, or an IPv6 network of 64
    /// bits; behind a proxy in TRUSTED_PROXIES the address that it reports. Preflights and `/metrics` count, the other
    /// probes do not.
    #[arg(long, env = "RATE_LIMIT_PER_SECOND")]
    pub rate_limit_per_second: Option<NonZeroU32>,

    /// Requests that a client within its rate may send at once; by default as many as in a second.
    #[arg(long, env = "RATE_LIMIT_BURST")]
    pub rate_limit_burst: Option<NonZeroU32>,

    /// Origins whose pages may call with credentials, as a comma list; none: every origin may, without credentials.
    #[arg(long, env = "CORS_ALLOWED_ORIGINS", default_value = "", hide_default_value = true)]
    pub cors_allowed_origins: Origins,
}

impl Config {
    pub fn upstream_timeout(&self) -> Duration {
        Duration::from_millis(self.upstream_timeout_ms)
    }
}

/// `http://host[:port]`, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamUrl(String);

#[derive(Debug, thiserror::Error)]
#[error("must be http://host:port, with nothing behind it")]
pub struct NotAnUpstreamUrl;

impl FromStr for UpstreamUrl {
    type Err = NotAnUpstreamUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| NotAnUpstreamUrl)?;
        let is_bare = uri.path() == "/" && uri.query().is_none() && !text.contains('#');
        match (uri.scheme_str(), host_and_port(&uri)) {
            (Some("http"), Some(authority)) if is_bare => Ok(Self(format!("http://{authority}"))),
            _ => Err(NotAnUpstreamUrl),
        }
    }
}

impl UpstreamUrl {
    /// `host:port`, to connect to.
    pub fn address(&self) -> String {
        let authority = self.authority();
        if host_alone(authority) { format!("{authority}:80") } else { authority.to_owned() }
    }

    /// What `Host` a request to it has.
    pub fn host(&self) -> HeaderValue {
        self.authority().parse().expect("a checked host is a header's value")
    }

    fn authority(&self) -> &str {
        self.0.trim_start_matches("http://")
    }
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Most replicas of one service.
pub const REPLICAS_MAX: usize = 64;

/// A service's replicas: one at least, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamUrls(Vec<UpstreamUrl>);

#[derive(Debug, thiserror::Error)]
pub enum NotUpstreamUrls {
    #[error("'{0}' {1}")]
    Item(String, NotAnUpstreamUrl),
    #[error("'{0}' is there twice")]
    Twice(UpstreamUrl),
    #[error("more than {REPLICAS_MAX} replicas")]
    TooMany,
}

impl FromStr for UpstreamUrls {
    type Err = NotUpstreamUrls;

    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let mut urls = Vec::new();
        for item in list.split(',').map(str::trim) {
            let url: UpstreamUrl =
                item.parse().map_err(|error| NotUpstreamUrls::Item(item.to_owned(), error))?;
            if urls.contains(&url) {
                return Err(NotUpstreamUrls::Twice(url));
            }
            urls.push(url);
        }
        if urls.len() > REPLICAS_MAX {
            return Err(NotUpstreamUrls::TooMany);
        }
        Ok(Self(urls))
    }
}

impl UpstreamUrls {
    pub fn iter(&self) -> impl Iterator<Item = &UpstreamUrl> {
        self.0.iter()
    }
}

/// Origins (RFC 6454) as browsers send them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(pub Vec<HeaderValue>);

#[derive(Debug, thiserror::Error)]
#[error("'{0}' is no origin: it must be http://host[:port] or https://host[:port]")]
pub struct NotAnOrigin(String);

impl FromStr for Origins {
    type Err = NotAnOrigin;

    fn from_str(list: &str) -> Result<Self, Self::Err> {
        if list.trim().is_empty() {
            return Ok(Self::default());
        }
        list.split(',')
            .map(|item| origin(item.trim()).ok_or_else(|| NotAnOrigin(item.trim().to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// A browser compares origins letter by letter, so what it would never send is refused rather than mended.
fn origin(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"))?;
    let authority = host_and_port(&uri)?;
    (text == format!("{scheme}://{authority}").to_ascii_lowercase())
        .then(|| HeaderValue::from_str(text).ok())
        .flatten()
}

/// The authority, if it is a host and perhaps a port, and no user.
fn host_and_port(uri: &Uri) -> Option<&str> {
    let authority = uri.authority()?;
    let is_plain = host_alone(authority.as_str()) || authority.port_u16().is_some();
    (is_plain && !authority.host().is_empty() && !authority.as_str().contains('@'))
        .then(|| authority.as_str())
}

fn host_alone(authority: &str) -> bool {
    authority.rsplit_once(':').is_none_or(|(_, port)| port.ends_with(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(text: &str) -> Option<String> {
        text.parse::<UpstreamUrl>().ok().map(|url| url.to_string())
    }

    fn origins(list: &str) -> Option<Vec<HeaderValue>> {
        list.parse::<Origins>().ok().map(|origins| origins.0)
    }

    #[test]
    fn an_upstream_is_a_host_and_a_port() {
        for (text, url) in [
            ("http://book:8080", "http://book:8080"),
            ("http://book", "http://book"),
            ("http://127.0.0.1:8081/", "http://127.0.0.1:8081"),
            ("http://[::1]:8081", "http://[::1]:8081"),
        ] {
            assert_eq!(upstream(text).as_deref(), Some(url), "{text}");
        }
    }

    #[test]
    fn an_upstream_without_a_port_has_the_one_of_its_scheme() {
        for (text, address) in [
            ("http://book", "book:80"),
            ("http://book:8080", "book:8080"),
            ("http://[::1]", "[::1]:80"),
            ("http://[::1]:8081", "[::1]:8081"),
        ] {
            assert_eq!(text.parse::<UpstreamUrl>().unwrap().address(), address);
        }
    }

    #[test]
    fn what_the_gateway_could_not_call_is_no_upstream() {
        for text in [
            "",
            "book:8080",
            "book",
            "/books",
            "https://book:8080",
            "http://",
            "http://book:",
            "http://book:99999",
            "http://book:8080/base",
            "http://book:8080?q=1",
            "http://book:8080/#top",
            "http://user@book:8080",
            "http://book:8080,http://book:8081",
        ] {
            assert_eq!(upstream(text), None, "{text}");
        }
    }

    #[test]
    fn replicas_are_a_comma_list_of_upstreams_each_once() {
        let urls = |list: &str| -> Result<Vec<String>, String> {
            let parsed = list.parse::<UpstreamUrls>().map_err(|error| error.to_string())?;
            Ok(parsed.iter().map(ToString::to_string).collect())
        };
        assert_eq!(urls("http://a:1"), Ok(vec!["http://a:1".to_owned()]));
        assert_eq!(
            urls("http://a:1, http://b:1/"),
            Ok(vec!["http://a:1".to_owned(), "http://b:1".to_owned()])
        );
        assert!(urls("").unwrap_err().contains("must be http://host:port"));
        assert!(urls("http://a:1,").unwrap_err().starts_with("'' must be"));
        assert_eq!(urls("http://a:1,http://a:1/"), Err("'http://a:1' is there twice".to_owned()));
        let many: Vec<_> = (1..=REPLICAS_MAX + 1).map(|port| format!("http://a:{port}")).collect();
        assert_eq!(urls(&many.join(",")), Err("more than 64 replicas".to_owned()));
    }

    #[test]
    fn origins_are_a_comma_list_and_an_empty_one_is_none() {
        assert_eq!(origins(""), Some(vec![]));
        assert_eq!(
            origins("http://localhost:3000, https://cinema.example"),
            Some(vec![
                HeaderValue::from_static("http://localhost:3000"),
                HeaderValue::from_static("https://cinema.example"),
            ])
        );
    }

    #[test]
    fn what_no_browser_sends_is_no_origin() {
        for list in [
            "*",
            "cinema.example",
            "https://cinema.example/",
            "https://Cinema.example",
            "ftp://cinema.example",
            "https://cinema.example,",
        ] {
            assert_eq!(origins(list), None, "{list}");
        }
    }
}

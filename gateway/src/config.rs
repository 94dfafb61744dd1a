//! The command line and the environment of the process.

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

/// The single entry point of the movie-booking fleet.
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

    /// Address of book as `http://host:port`, or a comma-separated list of its replicas.
    #[arg(long, env = "BOOK_URL", default_value = "http://127.0.0.1:8081")]
    pub book_url: UpstreamUrls,

    /// Address of payment as `http://host:port`, or a comma-separated list of its replicas.
    #[arg(long, env = "PAYMENT_URL", default_value = "http://127.0.0.1:8082")]
    pub payment_url: UpstreamUrls,

    /// Address of mypage as `http://host:port`, or a comma-separated list of its replicas.
    #[arg(long, env = "MYPAGE_URL", default_value = "http://127.0.0.1:8083")]
    pub mypage_url: UpstreamUrls,

    /// Address of ticket as `http://host:port`, or a comma-separated list of its replicas.
    #[arg(long, env = "TICKET_URL", default_value = "http://127.0.0.1:8084")]
    pub ticket_url: UpstreamUrls,

    /// Address of point as `http://host:port`, or a comma-separated list of its replicas.
    #[arg(long, env = "POINT_URL", default_value = "http://127.0.0.1:8085")]
    pub point_url: UpstreamUrls,

    /// Maximum wait for the status and headers of a service's response, in milliseconds. The body has no time
    /// limit.
    #[arg(long, env = "UPSTREAM_TIMEOUT_MS", default_value_t = 10_000, value_parser = value_parser!(u64).range(1..))]
    pub upstream_timeout_ms: u64,

    /// Address that all links begin with, such as `https://cinema.example`: a scheme and a host, optionally a
    /// port and a path prefix. By default, links begin with the address that the client used.
    #[arg(long, env = "PUBLIC_URL")]
    pub public_url: Option<PublicUrl>,

    /// Maximum number of requests per second from one client; no limit by default. A client is an IPv4
    /// address or an IPv6 /64 network; behind a proxy in TRUSTED_PROXIES, it is the address that the proxy
    /// reports. Preflights and `/metrics` count, other probes do not.
    #[arg(long, env = "RATE_LIMIT_PER_SECOND")]
    pub rate_limit_per_second: Option<NonZeroU32>,

    /// Maximum number of requests that a client may send at once while it stays within its rate; by default
    /// the rate of one second.
    #[arg(long, env = "RATE_LIMIT_BURST")]
    pub rate_limit_burst: Option<NonZeroU32>,

    /// Comma-separated list of origins whose pages may send requests with credentials. By default, pages of
    /// every origin may send requests, without credentials.
    #[arg(long, env = "CORS_ALLOWED_ORIGINS", default_value = "", hide_default_value = true)]
    pub cors_allowed_origins: Origins,
}

impl Config {
    pub fn upstream_timeout(&self) -> Duration {
        Duration::from_millis(self.upstream_timeout_ms)
    }
}

/// The address of a replica: `http://host[:port]`, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamUrl(String);

#[derive(Debug, thiserror::Error)]
#[error("must be http://host:port without a path")]
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
    /// Returns `host:port` to connect to.
    pub fn address(&self) -> String {
        let authority = self.authority();
        if host_alone(authority) { format!("{authority}:80") } else { authority.to_owned() }
    }

    /// Returns the value of `Host` in requests to this address.
    pub fn host(&self) -> HeaderValue {
        self.authority().parse().expect("a checked host is a valid header value")
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

/// Maximum number of replicas of one service.
pub const REPLICAS_MAX: usize = 64;

/// The addresses of a service's replicas: at least one, and no duplicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamUrls(Vec<UpstreamUrl>);

#[derive(Debug, thiserror::Error)]
pub enum NotUpstreamUrls {
    #[error("'{0}' {1}")]
    Item(String, NotAnUpstreamUrl),
    #[error("'{0}' is listed twice")]
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
#[error("'{0}' is not an origin: it must be http://host[:port] or https://host[:port]")]
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

/// Parses an origin. Browsers send origins in one exact form, so any other form is rejected and not
/// normalized: it would never match.
fn origin(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"))?;
    let authority = host_and_port(&uri)?;
    (text == format!("{scheme}://{authority}").to_ascii_lowercase())
        .then(|| HeaderValue::from_str(text).ok())
        .flatten()
}

/// Returns the authority of `uri` if it consists of a host and optionally a port, without user information.
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
    fn upstream_is_a_host_and_optionally_a_port() {
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
    fn upstream_without_a_port_uses_port_80() {
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
    fn invalid_upstream_is_rejected() {
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
    fn replicas_are_a_comma_separated_list_without_duplicates() {
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
        assert_eq!(urls("http://a:1,http://a:1/"), Err("'http://a:1' is listed twice".to_owned()));
        let many: Vec<_> = (1..=REPLICAS_MAX + 1).map(|port| format!("http://a:{port}")).collect();
        assert_eq!(urls(&many.join(",")), Err("more than 64 replicas".to_owned()));
    }

    #[test]
    fn origins_are_a_comma_separated_list_that_may_be_empty() {
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
    fn origin_in_a_form_that_no_browser_sends_is_rejected() {
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

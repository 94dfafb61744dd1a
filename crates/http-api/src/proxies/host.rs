//! Hosts and path prefixes that are safe in a link.

use std::fmt;
use std::net::Ipv6Addr;

/// Maximum length of a name in DNS, and of a prefix that is accepted from a proxy.
const NAME_MAX: usize = 253;
const PREFIX_MAX: usize = 256;

/// A host with an optional port, as in `Host`. It contains nothing that could end the host part of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    name: Box<str>,
    pub(super) port: Option<u16>,
}

impl Host {
    /// Reads `name`, `name:port` or `[address]:port`. RFC 3986 lets the port be empty.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, digits) = split(text)?;
        let port = if digits.is_empty() { None } else { Some(port(digits)?) };
        Some(Self { name: name.into(), port })
    }

    /// Whether `text` is a host in the form that `Display` writes.
    pub fn is_normal(text: &str) -> bool {
        split(text).is_some_and(|(name, digits)| {
            name.len() == text.len() || (!digits.starts_with('0') && port(digits).is_some())
        })
    }

    /// Returns the host without the port.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn has_port(&self) -> bool {
        self.port.is_some()
    }

    pub(super) fn at(self, port: u16) -> Self {
        Self { port: Some(port), ..self }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Returns the name, and the digits of the port.
fn split(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = match text.find(']') {
        Some(end) => text.split_at(end + 1),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let digits = if rest.is_empty() { rest } else { rest.strip_prefix(':')? };
    is_name(name).then_some((name, digits))
}

/// Whether `name` is an IPv6 address in brackets, or letters, digits, `-`, `_` and dots. RFC 3986 allows
/// more, but no name in DNS has it.
fn is_name(name: &str) -> bool {
    if let Some(address) = name.strip_prefix('[') {
        return address.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(is_letter)
}

/// Reads a port number other than 0.
pub fn port(digits: &str) -> Option<u16> {
    // `parse` alone accepts a sign.
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten().filter(|port| *port != 0)
}

/// The prefix of every path of the fleet, such as `/cinema`. It begins with a slash and does not end with
/// one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(Box<str>);

impl Prefix {
    /// Reads a path of plain segments. The empty path and `/` are not a prefix.
    pub fn parse(text: &str) -> Option<Self> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        let is_segment =
            |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(is_letter);
        let is_path = path.strip_prefix('/')?.split('/').all(is_segment);
        (path.len() <= PREFIX_MAX && is_path).then(|| Self(path.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Option<String> {
        Host::parse(text).map(|host| host.to_string())
    }

    #[test]
    fn host_is_a_name_or_an_address_with_an_optional_port() {
        for (text, read) in [
            ("cinema", "cinema"),
            ("cinema.example:8088", "cinema.example:8088"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[::1]", "[::1]"),
            ("[2001:db8::1]:65535", "[2001:db8::1]:65535"),
            ("my_host-1.local.", "my_host-1.local."),
            ("cinema:", "cinema"),
            ("cinema:0080", "cinema:80"),
        ] {
            assert_eq!(host(text).as_deref(), Some(read), "{text}");
            assert_eq!(Host::is_normal(text), text == read, "{text}");
        }
    }

    #[test]
    fn host_that_would_end_the_host_part_of_a_url_is_refused() {
        let long = "a".repeat(254);
        for text in [
            "",
            ":80",
            "a b",
            "a b/evil",
            "a/evil",
            "a?b",
            "a#b",
            "a\\b",
            "user@a",
            "user:pass@a",
            "a:80:90",
            "a:x",
            "a:+80",
            "a:-1",
            "a:0",
            "a:65536",
            "::1",
            "[::1",
            "::1]",
            "[::1]x",
            "[::1]:x",
            "[]",
            "[a]",
            "[fe80::1%25eth0]",
            "[v1.a]",
            "sälen",
            "a,b",
            "%61",
            "a\t",
            &long,
        ] {
            assert_eq!(host(text), None, "{text:?}");
            assert!(!Host::is_normal(text), "{text:?}");
        }
    }

    #[test]
    fn prefix_is_a_path_of_plain_segments() {
        let prefix = |text| Prefix::parse(text).map(|prefix| prefix.as_str().to_owned());
        assert_eq!(prefix("/cinema").as_deref(), Some("/cinema"));
        assert_eq!(prefix("/a/b.c/").as_deref(), Some("/a/b.c"));
        let long = format!("/{}", "a".repeat(256));
        for text in [
            "",
            "/",
            "//",
            "//evil.example",
            "cinema",
            "/a//b",
            "/..",
            "/a/../b",
            "/a b",
            "/a?b",
            "/%2e",
            &long,
        ] {
            assert_eq!(prefix(text), None, "{text:?}");
        }
    }
}

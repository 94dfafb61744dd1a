//! The services behind the gateway, and which paths lead to them.

use crate::config::{Config, UpstreamUrls};

/// A service behind the gateway.
pub struct Entry {
    pub name: &'static str,
    /// The paths that it serves.
    pub prefixes: &'static [Prefix],
    /// Whether clients may only read. Writes come from other services, which bypass the gateway.
    pub is_read_only: bool,
    /// Its OpenAPI description.
    pub document: Document,
    pub urls: fn(&Config) -> &UpstreamUrls,
}

/// A service's description.
pub struct Document {
    /// Its path at the gateway, which returns what the running service responds.
    pub path: &'static str,
    /// The same path relative to a page in `/docs/`, which works behind a proxy that adds a prefix to all
    /// paths.
    pub from_docs: &'static str,
    /// The description of this release.
    pub snapshot: &'static str,
}

macro_rules! document {
    ($name:literal) => {
        Document {
            path: concat!("/api-docs/", $name, "/openapi.json"),
            from_docs: concat!("../api-docs/", $name, "/openapi.json"),
            snapshot: include_str!(concat!("../../services/", $name, "/openapi.json")),
        }
    };
}

/// The methods of routes that are read-only, among them all of the gateway's own.
pub const READING: &str = "GET, HEAD";

/// All paths that begin with one segment, as routes.
pub struct Prefix {
    exact: &'static str,
    below: &'static str,
    /// The methods that any of these routes accepts.
    methods: &'static str,
}

macro_rules! prefix {
    ($path:literal, $methods:expr) => {
        Prefix { exact: $path, below: concat!($path, "/{*rest}"), methods: $methods }
    };
}

/// All services. Payment's `/cancellations` is missing on purpose: only the fleet itself may refund.
pub const TABLE: [Entry; 5] = [
    Entry {
        name: "book",
        prefixes: &[
            prefix!("/books", "GET, HEAD, POST, PATCH, DELETE"),
            prefix!("/screenings", "GET, HEAD, POST"),
        ],
        is_read_only: false,
        document: document!("book"),
        urls: |config| &config.book_url,
    },
    Entry {
        name: "payment",
        prefixes: &[prefix!("/payments", READING)],
        is_read_only: true,
        document: document!("payment"),
        urls: |config| &config.payment_url,
    },
    Entry {
        name: "mypage",
        prefixes: &[prefix!("/mypages", READING)],
        is_read_only: false,
        document: document!("mypage"),
        urls: |config| &config.mypage_url,
    },
    Entry {
        name: "ticket",
        prefixes: &[prefix!("/tickets", "GET, HEAD, PATCH")],
        is_read_only: false,
        document: document!("ticket"),
        urls: |config| &config.ticket_url,
    },
    Entry {
        name: "point",
        prefixes: &[prefix!("/points", READING)],
        is_read_only: true,
        document: document!("point"),
        urls: |config| &config.point_url,
    },
];

/// The service and the route of a request that is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The service's index in [`TABLE`].
    pub upstream: usize,
    /// The route in logs and metrics.
    pub route: &'static str,
    /// The methods that any route of its prefix accepts.
    pub methods: &'static str,
}

impl Target {
    /// Whether clients may only read.
    pub fn is_read_only(self) -> bool {
        TABLE[self.upstream].is_read_only
    }
}

/// The paths whose next segment is the id of a booking: tickets and pages have the ids of their bookings.
const OF_A_BOOKING: [&str; 3] = ["/books/", "/tickets/", "/mypages/"];

/// Returns the id of the booking that `path` names, for the log.
pub fn booking_of(path: &str) -> Option<i64> {
    let rest = OF_A_BOOKING.iter().find_map(|prefix| path.strip_prefix(prefix))?;
    let id = rest.split('/').next()?;
    id.parse().ok().filter(|_| id.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns the target of `path`. A prefix matches a whole segment, with or without further segments.
pub fn target(path: &str) -> Option<Target> {
    let route = |prefix: &Prefix| match path.strip_prefix(prefix.exact)?.as_bytes().first() {
        None => Some(prefix.exact),
        Some(b'/') => Some(prefix.below),
        Some(_) => None,
    };
    TABLE.iter().enumerate().find_map(|(upstream, entry)| {
        let find = |prefix| Some((route(prefix)?, prefix.methods));
        let (route, methods) = entry.prefixes.iter().find_map(find)?;
        Some(Target { upstream, route, methods })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_matches_a_whole_segment() {
        let target = |path| target(path).map(|target| (TABLE[target.upstream].name, target.route));
        assert_eq!(target("/books"), Some(("book", "/books")));
        assert_eq!(target("/books/"), Some(("book", "/books/{*rest}")));
        assert_eq!(target("/screenings/1/seats"), Some(("book", "/screenings/{*rest}")));
        assert_eq!(target("/points/1"), Some(("point", "/points/{*rest}")));
        for path in ["", "/", "/book", "/bookshelf", "//books", "/cancellations", "/Books", "books"] {
            assert_eq!(target(path), None, "{path}");
        }
    }

    #[test]
    fn booking_is_named_by_the_segment_after_its_collection() {
        for path in ["/books/7", "/books/7/payment", "/tickets/7", "/mypages/7", "/books/7/"] {
            assert_eq!(booking_of(path), Some(7), "{path}");
        }
        for path in [
            "/books",
            "/books/",
            "/books/+7",
            "/books/-7",
            "/books/x",
            "/payments/7",
            "/books/99999999999999999999",
        ] {
            assert_eq!(booking_of(path), None, "{path}");
        }
    }
}

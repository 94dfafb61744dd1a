//! The limits of concurrent requests to each service, and of their bodies.
//!
//! Each service has a bulkhead of its own, so a service that hangs takes no place from the others.

use http::Method;
use http_api::body_limit::{BODY_LIMIT_BYTES, LARGE_BODY_LIMIT_BYTES};
use http_server::Limits;
use http_server::overload::Bulkhead;

use crate::table::{TABLE, Target};

/// The name of the bulkhead of the gateway's own routes, in the metrics.
const OWN: &str = "gateway";

/// One bulkhead per service, in the order of [`TABLE`], and one for the gateway's own routes.
#[derive(Debug)]
pub struct Bulkheads {
    upstreams: [Bulkhead; TABLE.len()],
    own: Bulkhead,
}

impl Bulkheads {
    pub fn new(limits: &Limits) -> Self {
        Self {
            upstreams: TABLE.each_ref().map(|entry| Bulkhead::of_upstream(limits, entry.name)),
            own: Bulkhead::of_upstream(limits, OWN),
        }
    }

    /// Returns the bulkhead of a request for `path`. A service's description counts as a request to the
    /// service.
    pub fn of(&self, path: &str, target: Option<Target>) -> &Bulkhead {
        let described = || TABLE.iter().position(|entry| entry.document.path == path);
        match target.map(|target| target.upstream).or_else(described) {
            Some(upstream) => &self.upstreams[upstream],
            None => &self.own,
        }
    }
}

/// Returns the largest body of a request. Staff send whole halls in `POST /screenings`. Book has the same
/// rule.
pub fn body_limit(method: &Method, path: &str) -> usize {
    match (method, path) {
        (&Method::POST, "/screenings") => LARGE_BODY_LIMIT_BYTES,
        _ => BODY_LIMIT_BYTES,
    }
}

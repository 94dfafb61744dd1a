//! The places for requests to each service, and how large their bodies may be.
//!
//! Each service has places of its own, so that one that hangs takes no place from the others.

use http::Method;
use http_api::body_limit::{BODY_LIMIT_BYTES, LARGE_BODY_LIMIT_BYTES};
use http_server::Limits;
use http_server::overload::Bulkhead;

use crate::table::{TABLE, Target};

/// What the metrics call the places for the gateway's own answers.
const OWN: &str = "gateway";

/// A bulkhead for each service, in the order of [`TABLE`], and one for what the gateway answers itself.
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

    /// The one for a request for `path`. A service's description comes from the service.
    pub fn of(&self, path: &str, target: Option<Target>) -> &Bulkhead {
        let described = || TABLE.iter().position(|entry| entry.document.path == path);
        match target.map(|target| target.upstream).or_else(described) {
            Some(upstream) => &self.upstreams[upstream],
            None => &self.own,
        }
    }
}

/// The largest body for a method and a path: staff send whole halls. Book has the same rule.
pub fn body_limit(method: &Method, path: &str) -> usize {
    match (method, path) {
        (&Method::POST, "/screenings") => LARGE_BODY_LIMIT_BYTES,
        _ => BODY_LIMIT_BYTES,
    }
}

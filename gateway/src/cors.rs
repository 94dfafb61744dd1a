//! What a browser may do here from a page of another origin.

use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::config::Origins;

/// Seconds for which a browser may remember the answer to a preflight.
const PREFLIGHT_MAX_AGE: HeaderValue = HeaderValue::from_static("600");
/// Headers of an answer that a page may read, beside those that every page may.
const EXPOSED: HeaderValue = HeaderValue::from_static("location,retry-after,x-request-id,etag");
const ANY: HeaderValue = HeaderValue::from_static("*");
const TRUE: HeaderValue = HeaderValue::from_static("true");
/// A cache must not give the answer for one origin to another, nor to a request without one.
const BY_ORIGIN: HeaderValue = HeaderValue::from_static("origin");
const BY_PREFLIGHT: HeaderValue =
    HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers");

/// Decides which pages may read answers.
pub struct Cors {
    /// Empty for every origin without credentials, else these with credentials.
    allowed: Vec<HeaderValue>,
}

impl Cors {
    pub fn new(allowed: &Origins) -> Self {
        Self { allowed: allowed.0.clone() }
    }

    /// The answer to a preflight: the `methods` of the route are allowed, and every header that the page asks for.
    ///
    /// The headers are repeated and not `*`, which would exclude `Authorization`, and everything with credentials.
    pub fn preflight(&self, asked: &HeaderMap, methods: &'static str) -> Response {
        let mut answer = Response::default();
        let headers = answer.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        for value in asked.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.append(ACCESS_CONTROL_ALLOW_HEADERS, value.clone());
        }
        headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE);
        headers.insert(VARY, BY_PREFLIGHT);
        self.allow(asked.get(ORIGIN), headers);
        answer
    }

    /// Adds to an answer what a browser must know to show it to a page of `origin`.
    pub fn mark(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        headers.append(VARY, BY_ORIGIN);
        if origin.is_some() {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            self.allow(origin, headers);
        }
    }

    fn allow(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if self.allowed.is_empty() {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        } else if let Some(origin) = origin.filter(|origin| self.allowed.contains(origin)) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
    }
}

/// Whether a browser asks if a page may send a request. Any other `OPTIONS` is for the service.
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    let has = |name: HeaderName| headers.contains_key(name);
    *method == Method::OPTIONS && has(ORIGIN) && has(ACCESS_CONTROL_REQUEST_METHOD)
}

//! CORS: which pages of other origins may read responses.

use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::config::Origins;

/// Seconds for which a browser may cache the response to a preflight.
const PREFLIGHT_MAX_AGE: HeaderValue = HeaderValue::from_static("600");
/// Headers of a response that a page may read in addition to the CORS-safelisted ones.
const EXPOSED: HeaderValue = HeaderValue::from_static("location,retry-after,x-request-id,etag");
const ANY: HeaderValue = HeaderValue::from_static("*");
const TRUE: HeaderValue = HeaderValue::from_static("true");
/// A cache must not serve a response for one origin to another, nor to a request without an origin.
const BY_ORIGIN: HeaderValue = HeaderValue::from_static("origin");
const BY_PREFLIGHT: HeaderValue =
    HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers");

/// Sets the CORS headers of responses.
pub struct Cors {
    /// Origins that are allowed, with credentials. If empty, every origin is allowed, without credentials.
    allowed: Vec<HeaderValue>,
}

impl Cors {
    pub fn new(allowed: &Origins) -> Self {
        Self { allowed: allowed.0.clone() }
    }

    /// Responds to a preflight. It allows the `methods` of the route, and every header that the page asks
    /// for.
    ///
    /// The headers are listed, because `*` would not include `Authorization`, and does not apply with
    /// credentials.
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

    /// Adds the headers that let a page of `origin` read a response.
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

/// Whether a request is a preflight. Any other `OPTIONS` request is forwarded.
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    let has = |name: HeaderName| headers.contains_key(name);
    *method == Method::OPTIONS && has(ORIGIN) && has(ACCESS_CONTROL_REQUEST_METHOD)
}

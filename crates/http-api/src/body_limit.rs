//! How large the body of a request may be.

use http::{Method, StatusCode};

use crate::problem::Problem;

/// Maximum size of the body of a request to a route without a limit of its own.
pub const BODY_LIMIT_BYTES: usize = 16 * 1024;
/// Maximum size of the body of a request to the routes by which staff send halls and lists.
pub const LARGE_BODY_LIMIT_BYTES: usize = 256 * 1024;

/// Returns the largest body for a method and a path, in bytes.
pub type BodyLimits = fn(&Method, &str) -> usize;

/// [`BODY_LIMIT_BYTES`] for every route.
pub fn default_limits(_: &Method, _: &str) -> usize {
    BODY_LIMIT_BYTES
}

/// Maximum size of the body of this request, as an extension that the extractors read.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimit(pub usize);

/// 413: the body exceeds the `limit` of the route, in bytes.
pub fn too_large(limit: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body-too-large",
        format!("The body of this request may have at most {limit} bytes."),
    )
}

/// 415: `detail` names what to send instead.
pub fn unsupported_media_type(detail: &str) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
}

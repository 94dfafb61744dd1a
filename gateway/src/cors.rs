//! What a browser may do here from a page of another origin.

use std::time::Duration;

use http::header::{ETAG, LOCATION, RETRY_AFTER};
use service_kit::request_log::REQUEST_ID;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, Any, CorsLayer};

use crate::config::Origins;

/// How long a browser may remember a preflight's answer.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(600);

/// Every origin without credentials, or `allowed` ones with.
pub fn layer(allowed: &Origins) -> CorsLayer {
    // Methods and headers are mirrored, not `*`: that would exclude `Authorization`, and everything with credentials.
    let layer = CorsLayer::new()
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([LOCATION, RETRY_AFTER, REQUEST_ID, ETAG])
        .max_age(PREFLIGHT_MAX_AGE);
    if allowed.0.is_empty() {
        layer.allow_origin(Any)
    } else {
        layer.allow_origin(AllowOrigin::list(allowed.0.iter().cloned())).allow_credentials(true)
    }
}

//! What a browser may do here from a page of another origin.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::Either;
use http::HeaderValue;
use http::header::{ETAG, LOCATION, ORIGIN, RETRY_AFTER, VARY};
use service_kit::request_log::REQUEST_ID;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, Any, CorsLayer};

use crate::config::Origins;

/// How long a browser may remember a preflight's answer.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(600);

/// Who may call from where.
pub struct Cors(CorsLayer);

impl Cors {
    pub fn new(allowed: &Origins) -> Self {
        Self(layer(allowed))
    }

    /// What `answer` makes of `request`, with what a browser must know to show it to the page that asked; a preflight
    /// is answered here.
    pub fn answer<F>(&self, request: Request, answer: impl Fn(Request) -> F) -> impl Future<Output = Response>
    where
        F: Future<Output = Response>,
    {
        if request.headers().contains_key(ORIGIN) {
            let answer = service_fn(move |request| answer(request).map(Ok::<_, Infallible>));
            let answering = self.0.layer(answer).oneshot(request);
            return Either::Left(Box::pin(answering.map(|Ok(response)| response)));
        }
        // No page of another origin asks. A cache must not give it this answer all the same.
        Either::Right(answer(request).map(|mut response| {
            response.headers_mut().append(VARY, HeaderValue::from_static("origin"));
            response
        }))
    }
}

/// Every origin without credentials, or `allowed` ones with.
fn layer(allowed: &Origins) -> CorsLayer {
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

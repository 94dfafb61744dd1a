//! Puts the routes and layers of every process around the routes of a service.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use http_api::body_limit::{BodyLimits, LARGE_BODY_LIMIT_BYTES, default_limits};
use http_api::description::document;
use http_api::fallback::{panicked, unknown_path, wrong_method};
use http_api::{deadline, hal};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;

use crate::health::{self, Health};
use crate::request_log::NewSpan;
use crate::{hosts, overload, request_log};

/// Puts problems for unknown paths, the OpenAPI description, probes, the limits and the request log around
/// `routes`. Each request has a `span`.
pub fn wrap(routes: Router, description: OpenApi, health: Health, span: NewSpan) -> Router {
    wrap_with_limits(routes, description, health, span, default_limits)
}

/// Like [`wrap`], with the limits of a service for its bodies.
pub fn wrap_with_limits(
    routes: Router,
    description: OpenApi,
    health: Health,
    span: NewSpan,
    body_limits: BodyLimits,
) -> Router {
    let document = document(description);
    routes
        .route("/api-docs/openapi.json", get(|| async { document }))
        .merge(health::router(health))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        // In one call, outermost first: the router boxes the layers of each call.
        .layer((
            from_fn_with_state(span, request_log::layer),
            CatchPanicLayer::custom(panicked),
            from_fn(hal::negotiate),
            from_fn(hosts::layer),
            // Outside the queue, so that a request whose caller no longer waits leaves it.
            from_fn(deadline::layer),
            from_fn_with_state(body_limits, overload::layer),
            DefaultBodyLimit::max(LARGE_BODY_LIMIT_BYTES),
        ))
}

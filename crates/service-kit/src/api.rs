//! Puts what every process shows around a service's own routes.

use std::any::Any;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;

use crate::body::{self, BodyLimits, LARGE_BODY_LIMIT_BYTES};
use crate::health::{self, Health};
use crate::problem::Problem;
use crate::{deadline, hal, hosts, overload, request_log};

/// Puts problems for unknown paths, the OpenAPI description, probes, the limits and the request log around `routes`.
pub fn wrap(routes: Router, description: OpenApi, health: Health) -> Router {
    wrap_with_limits(routes, description, health, body::default_limits)
}

/// Like [`wrap`], with body limits of its own.
pub fn wrap_with_limits(
    routes: Router,
    description: OpenApi,
    health: Health,
    body_limits: BodyLimits,
) -> Router {
    let document = document(&description);
    routes
        .route("/api-docs/openapi.json", get(|| async { document }))
        .merge(health::router(health))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        // All at once, outermost first: the router boxes what each call of `layer` adds.
        .layer((
            from_fn(request_log::layer),
            CatchPanicLayer::custom(panicked),
            from_fn(hal::negotiate),
            from_fn(hosts::layer),
            // Outside the queue: a request whose caller has given up leaves it.
            from_fn(deadline::layer),
            from_fn_with_state(body_limits, overload::layer),
            DefaultBodyLimit::max(LARGE_BODY_LIMIT_BYTES),
        ))
}

/// The answer with an OpenAPI `description`. Its bytes are made once and shared by all requests.
pub fn document(description: &OpenApi) -> impl IntoResponse + Clone + Send + Sync + 'static {
    let bytes = serde_json::to_vec(description).expect("a description is JSON");
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], Bytes::from(bytes))
}

/// 404 for a path that no route serves.
pub async fn unknown_path(request: Request) -> Problem {
    let detail = format!("Nothing is served at {}.", request.uri().path());
    Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
}

/// 405 for a path that is served, by other methods.
pub async fn wrong_method(request: Request) -> Problem {
    let detail = format!("{} does not take {}.", request.uri().path(), request.method());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}

#[derive(Debug, thiserror::Error)]
#[error("panicked: {0}")]
struct Panicked(String);

/// 500 for a handler that panicked.
pub fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "without a message".to_owned());
    Problem::internal(Panicked(message)).into_response()
}

//! Puts what every process shows around a service's own routes.

use std::any::Any;

use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;

use crate::health::{self, Health};
use crate::problem::Problem;
use crate::{deadline, hal, overload, request_log};

/// Largest request body at every door of the fleet.
pub const BODY_LIMIT_BYTES: usize = 1024 * 1024;

/// `routes` with problems for what they do not serve, their OpenAPI description, probes, the limits, and the request log.
pub fn wrap(routes: Router, description: OpenApi, health: Health) -> Router {
    routes
        .route("/api-docs/openapi.json", get(|| async { Json(description) }))
        .merge(health::router(health))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        // All at once, outermost first: the router boxes what each call of `layer` adds.
        .layer((
            from_fn(request_log::layer),
            CatchPanicLayer::custom(panicked),
            from_fn(hal::negotiate),
            // Outside the queue: a request whose caller has given up leaves it.
            from_fn(deadline::layer),
            from_fn(overload::layer),
            DefaultBodyLimit::max(BODY_LIMIT_BYTES),
        ))
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

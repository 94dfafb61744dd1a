//! The responses of every process to unknown paths, wrong methods and panics.

use std::any::Any;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::problem::Problem;

/// 404 for a path that no route serves.
pub async fn unknown_path(request: Request) -> Problem {
    let detail = format!("Nothing is served at {}.", request.uri().path());
    Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
}

/// 405 for a path that serves other methods.
pub async fn wrong_method(request: Request) -> Problem {
    let detail = format!("{} does not support {}.", request.uri().path(), request.method());
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

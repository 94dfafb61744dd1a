//! Passes a caller's deadline from process to process, so that no work is done that nobody waits for.
//!
//! The header carries the time left, in milliseconds, and not a time of day: the clocks of two machines need not agree.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, StatusCode};
use tokio::time::{Instant, timeout_at};

use crate::problem::Problem;

/// How long the caller still waits when it sends the request, in milliseconds.
pub const REQUEST_TIMEOUT_MS: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// A longer time counts as this.
const LONGEST: Duration = Duration::from_secs(3_600);

tokio::task_local! {
    static CURRENT: Instant;
}

/// When the caller of the request being served gives up, if it said so. Work that is
/// seen through has no deadline.
pub fn current() -> Option<Instant> {
    CURRENT.try_with(|deadline| *deadline).ok()
}

/// The middleware: drops the handler of a request whose caller has given up. Work that must not be dropped is
/// seen through, and keeps the request's place in the meantime.
pub async fn layer(request: Request, next: Next) -> Response {
    let Some(patience) = patience(request.headers()) else { return next.run(request).await };
    let deadline = Instant::now() + patience.min(LONGEST);
    match timeout_at(deadline, CURRENT.scope(deadline, next.run(request))).await {
        Ok(response) => response,
        Err(_) => given_up().into_response(),
    }
}

fn patience(headers: &HeaderMap) -> Option<Duration> {
    headers.get(REQUEST_TIMEOUT_MS)?.to_str().ok()?.parse().ok().map(Duration::from_millis)
}

/// 504, for the log: the caller is gone.
fn given_up() -> Problem {
    Problem::new(
        StatusCode::GATEWAY_TIMEOUT,
        "deadline-exceeded",
        "The request took longer than its caller allows. Work that it began may still complete.",
    )
}

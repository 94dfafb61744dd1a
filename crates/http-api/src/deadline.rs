//! Passes the deadline of a caller from process to process, so that no process works for a caller that no
//! longer waits.
//!
//! The header contains the time left in milliseconds, not a time of day, because the clocks of two machines
//! may differ.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, StatusCode};
use tokio::time::{Instant, timeout_at};

use crate::problem::Problem;

/// How long the caller waits from the moment it sends the request, in milliseconds.
pub const REQUEST_TIMEOUT_MS: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// Maximum deadline. A longer one is cut to this.
const LONGEST: Duration = Duration::from_secs(3_600);

tokio::task_local! {
    static CURRENT: Instant;
}

/// Returns when the caller of the request being served stops waiting, if it sent a deadline. Work that
/// outlives its request has none.
pub fn current() -> Option<Instant> {
    CURRENT.try_with(|deadline| *deadline).ok()
}

/// The middleware: drops the handler of a request whose caller no longer waits. Work that must not be dropped
/// outlives the request, and keeps its place until then.
pub async fn layer(request: Request, next: Next) -> Response {
    let Some(time_left) = time_left(request.headers()) else { return next.run(request).await };
    let deadline = Instant::now() + time_left.min(LONGEST);
    match timeout_at(deadline, CURRENT.scope(deadline, next.run(request))).await {
        Ok(response) => response,
        Err(_) => deadline_exceeded().into_response(),
    }
}

fn time_left(headers: &HeaderMap) -> Option<Duration> {
    headers.get(REQUEST_TIMEOUT_MS)?.to_str().ok()?.parse().ok().map(Duration::from_millis)
}

/// 504, only for the log: the caller no longer waits.
fn deadline_exceeded() -> Problem {
    Problem::new(
        StatusCode::GATEWAY_TIMEOUT,
        "deadline-exceeded",
        "The request took longer than its caller allows. Work that it began may still complete.",
    )
}

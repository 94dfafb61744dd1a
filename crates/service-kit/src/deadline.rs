//! How long the one who asks waits, handed on from process to process: work that nobody waits for any more is not done.
//!
//! The header has what is left, in milliseconds, and no time of day: two clocks need not agree.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, StatusCode};
use tokio::time::{Instant, timeout_at};

use crate::problem::Problem;

/// What is left of the caller's patience when it sends the request.
pub const REQUEST_TIMEOUT_MS: HeaderName = HeaderName::from_static("x-request-timeout-ms");

/// More patience than this is as good as this.
const LONGEST: Duration = Duration::from_secs(3_600);

tokio::task_local! {
    static CURRENT: Instant;
}

/// When the caller of the request being served gives up, if it said so. Work that is
/// [seen through](crate::request_log::see_through) has no such end.
pub fn current() -> Option<Instant> {
    CURRENT.try_with(|deadline| *deadline).ok()
}

/// The middleware: a request whose caller has given up is dropped where it stands. What must not be dropped is
/// [seen through](crate::request_log::see_through).
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

/// 504, for the log: nobody reads it any more.
fn given_up() -> Problem {
    Problem::new(
        StatusCode::GATEWAY_TIMEOUT,
        "deadline-exceeded",
        "Whoever asked gave this request less time than it took; what it began may still come to its end.",
    )
}

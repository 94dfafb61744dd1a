//! Maps refusals of the use cases to problems.

use std::time::Duration;

use http::StatusCode;
use http_api::problem::Problem;
use service::Refusal;
use upstream::CallError;

use crate::app::CollectError;
use crate::domain::CollectRefused;

/// The default `Retry-After` of a collection.
const POINTS_RETRY_AFTER: Duration = Duration::from_secs(5);

impl From<CollectError> for Refusal {
    fn from(error: CollectError) -> Self {
        Self::from(match error {
            CollectError::NotFound(id) => Problem::not_found("ticket", id),
            CollectError::Refused(CollectRefused::Canceled) => ticket_canceled(),
            CollectError::Storage(error) => return error.into(),
        })
    }
}

/// 409: the booking was canceled before the ticket was collected.
pub fn ticket_canceled() -> Problem {
    Problem::new(StatusCode::CONFLICT, "ticket-canceled", "The ticket is void: its booking was canceled.")
}

/// 504 if the database failed after the points were requested. They may have been granted, so the ticket
/// counts as collected until the reconciler, or the same request, finds the outcome.
pub fn not_recorded(error: CollectError) -> Refusal {
    match error {
        CollectError::Storage(error) if error.is_transient() => Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "outcome-unknown",
            "The points may have been granted, but the database did not record the outcome. Send the same request again to find out.",
        )
        .retry_after(1)
        .caused_by(error)
        .into(),
        error => error.into(),
    }
}

/// 503: the ticket is not collected yet. `Retry-After` is the time until the breaker allows a call, or 5 s.
pub fn points_unavailable(cause: Option<CallError>) -> Problem {
    let wait = cause.as_ref().and_then(CallError::retry_after).unwrap_or(POINTS_RETRY_AFTER);
    let problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "points-unavailable",
        "The ticket was not collected, because its points cannot be granted at the moment. Please try again later.",
    )
    .retry_in(wait);
    match cause {
        Some(cause) => problem.caused_by(cause),
        None => problem,
    }
}

//! What a use case refuses, as a problem.

use std::time::Duration;

use http::StatusCode;
use http_api::problem::Problem;
use service::Refusal;
use upstream::CallError;

use crate::app::CollectError;
use crate::domain::CollectRefused;

/// How long a client should wait before it asks for a ticket again, where nobody knows better.
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

/// 409: the collection lost against the cancel.
pub fn ticket_canceled() -> Problem {
    Problem::new(StatusCode::CONFLICT, "ticket-canceled", "The ticket is void: its booking was canceled.")
}

/// 504 where the database failed after the points were asked for: they may be granted, and the ticket counts as collected
/// until the reconciler, or the same request, has found out.
pub fn not_recorded(error: CollectError) -> Refusal {
    match error {
        CollectError::Storage(error) if error.is_transient() => Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "outcome-unknown",
            "The points may have been granted, and the database did not record it. Send the same request again to find out.",
        )
        .retry_after(1)
        .caused_by(error)
        .into(),
        error => error.into(),
    }
}

/// 503: not collected yet; the same request may be sent again, when the breaker permits a call if it was that.
pub fn points_unavailable(cause: Option<CallError>) -> Problem {
    let wait = cause.as_ref().and_then(CallError::retry_after).unwrap_or(POINTS_RETRY_AFTER);
    let problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "points-unavailable",
        "Points cannot be granted at the moment, and no ticket is collected without them; please try again a little later.",
    )
    .retry_in(wait);
    match cause {
        Some(cause) => problem.caused_by(cause),
        None => problem,
    }
}

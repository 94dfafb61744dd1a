//! What a use case refuses, as a problem.

use http::StatusCode;
use service_kit::problem::Problem;
use service_kit::upstream::CallError;

use crate::app::RequestCancelError;
use crate::domain::CancelRefused;

/// How long a client should wait before it asks for a payment again, in seconds.
const PAYMENT_RETRY_AFTER: u64 = 5;

impl From<RequestCancelError> for Problem {
    fn from(error: RequestCancelError) -> Self {
        match error {
            RequestCancelError::NotFound(id) => Self::not_found("booking", id),
            RequestCancelError::Refused(CancelRefused::AlreadyCollected) => already_collected(),
            RequestCancelError::Refused(refused @ CancelRefused::Declined) => {
                Self::new(StatusCode::CONFLICT, "booking-declined", sentence(refused))
            }
            RequestCancelError::Storage(error) => error.into(),
        }
    }
}

/// 409: the cancel lost against the collection.
pub fn already_collected() -> Problem {
    let detail = sentence(CancelRefused::AlreadyCollected);
    Problem::new(StatusCode::CONFLICT, "ticket-already-collected", detail)
}

/// 402: not booked.
pub fn payment_declined() -> Problem {
    Problem::new(
        StatusCode::PAYMENT_REQUIRED,
        "payment-declined",
        "The payment was declined; nothing was booked.",
    )
}

/// 503: nothing was kept, the same request may be sent again.
pub fn payment_unavailable(cause: Option<CallError>) -> Problem {
    let problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "payment-unavailable",
        "Payments cannot be taken at the moment. Nothing was booked; please try again a little later.",
    )
    .retry_after(PAYMENT_RETRY_AFTER);
    match cause {
        Some(cause) => problem.caused_by(cause),
        None => problem,
    }
}

/// 409: it was canceled before its payment was through.
pub fn canceled_meanwhile() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "booking-canceled",
        "The booking was canceled while it was being paid; any money goes back.",
    )
}

fn sentence(refused: CancelRefused) -> String {
    let mut text = format!("{refused}.");
    text[..1].make_ascii_uppercase();
    text
}

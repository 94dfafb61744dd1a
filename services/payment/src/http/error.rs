//! Maps refusals of the use cases to problems.

use std::time::Duration;

use http::StatusCode;
use http_api::problem::Problem;
use service::Refusal;

use crate::app::TakePaymentError;
use crate::domain::PayRefused;
use crate::paying::PayError;

/// The default `Retry-After`, for when the breaker gives no time.
const RETRY_AFTER: Duration = Duration::from_secs(5);

impl From<PayError> for Refusal {
    fn from(error: PayError) -> Self {
        Self::from(match error {
            PayError::NotAttempted(error) => return error.into(),
            PayError::Declined => Problem::new(
                StatusCode::PAYMENT_REQUIRED,
                "payment-declined",
                "The payment was declined. Nothing was charged.",
            ),
            PayError::Refused(refused) => return TakePaymentError::Refused(refused).into(),
            PayError::NotReached(failure) => {
                let wait = failure.retry_after().unwrap_or(RETRY_AFTER);
                let detail = "The payment provider is unreachable at the moment. This request charged nothing.";
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "payment-unavailable", detail)
                    .retry_in(wait)
                    .caused_by(failure)
            }
            PayError::Unknown(failure) => outcome_unknown(
                "The payment provider did not respond. The customer may have been charged. Send the same request again to find out.",
            )
            .caused_by(failure),
            PayError::NotRecorded(error) if error.is_transient() => outcome_unknown(
                "The customer was charged, but the payment could not be recorded. Send the same request again.",
            )
            .caused_by(error),
            PayError::NotRecorded(error) => return error.into(),
        })
    }
}

fn outcome_unknown(detail: &str) -> Problem {
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "outcome-unknown", detail).retry_after(1)
}

impl From<TakePaymentError> for Refusal {
    fn from(error: TakePaymentError) -> Self {
        Self::from(match error {
            TakePaymentError::Refused(refused @ PayRefused::PriceConflict) => {
                Problem::new(StatusCode::CONFLICT, "payment-conflict", sentence(refused))
            }
            TakePaymentError::Refused(refused @ PayRefused::Voided) => {
                Problem::new(StatusCode::CONFLICT, "booking-voided", sentence(refused))
            }
            TakePaymentError::KeyReused => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "This Idempotency-Key was already used with a different body.",
            ),
            TakePaymentError::Storage(error) => return error.into(),
        })
    }
}

/// 422: the key is reserved for the payment of another booking.
pub fn key_of_another_booking() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
        "An Idempotency-Key of the form booking-<id> is reserved for the payment of that booking.",
    )
}

fn sentence(refused: PayRefused) -> String {
    let mut text = format!("{refused}.");
    text[..1].make_ascii_uppercase();
    text
}

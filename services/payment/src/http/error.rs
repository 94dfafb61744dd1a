//! What a use case refuses, as a problem.

use http::StatusCode;
use service_kit::problem::Problem;

use crate::app::TakePaymentError;
use crate::clients::Declined;
use crate::domain::PayRefused;

impl From<Declined> for Problem {
    fn from(_: Declined) -> Self {
        Self::new(
            StatusCode::PAYMENT_REQUIRED,
            "payment-declined",
            "The payment was declined; nothing was charged.",
        )
    }
}

impl From<TakePaymentError> for Problem {
    fn from(error: TakePaymentError) -> Self {
        match error {
            TakePaymentError::Refused(refused @ PayRefused::OtherPrice) => {
                Self::new(StatusCode::CONFLICT, "payment-conflict", sentence(refused))
            }
            TakePaymentError::Refused(refused @ PayRefused::Voided) => {
                Self::new(StatusCode::CONFLICT, "booking-voided", sentence(refused))
            }
            TakePaymentError::KeyReused => key_reused(),
            TakePaymentError::Storage(error) => error.into(),
        }
    }
}

/// 422: the key was given to another request before.
pub fn key_reused() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
        "The Idempotency-Key was sent with another request before; a new request needs a new key.",
    )
}

/// 422: the key is what the fleet calls the payment of another booking.
pub fn name_of_another_booking() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
        "A key of the form booking-<id> names the payment of that booking; a request for another one needs another key.",
    )
}

/// 503: as much is under way as there may be.
pub fn too_many_payments() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "overloaded",
        "Too many payments are under way at the moment; please try again a little later.",
    )
    .retry_after(1)
}

fn sentence(refused: PayRefused) -> String {
    let mut text = format!("{refused}.");
    text[..1].make_ascii_uppercase();
    text
}

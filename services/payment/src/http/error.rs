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
            TakePaymentError::Storage(error) => error.into(),
        }
    }
}

fn sentence(refused: PayRefused) -> String {
    let mut text = format!("{refused}.");
    text[..1].make_ascii_uppercase();
    text
}

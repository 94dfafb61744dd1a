//! What a use case refuses, as a problem.

use http::StatusCode;
use http_api::problem::{FieldError, Problem};
use service::Refusal;

use crate::app::ChargeError;
use crate::domain::{AmountConflict, Invalid};

impl From<ChargeError> for Refusal {
    fn from(error: ChargeError) -> Self {
        match error {
            ChargeError::AmountConflict(error) => error.into(),
            ChargeError::Storage(error) => error.into(),
        }
    }
}

impl From<AmountConflict> for Refusal {
    fn from(_: AmountConflict) -> Self {
        Problem::new(
            StatusCode::CONFLICT,
            "amount-conflict",
            "The reference stands for another amount or currency; nothing was charged now.",
        )
        .into()
    }
}

/// 422: names every wrong field.
pub fn invalid(invalid: Vec<Invalid>) -> Problem {
    let errors = invalid.into_iter().map(|one| FieldError::new(one.field, one.detail)).collect();
    Problem::invalid_fields(errors)
}

/// 422: one wrong field.
pub fn wrong(field: &str, error: impl std::fmt::Display) -> Problem {
    Problem::invalid_fields(vec![FieldError::new(field, error.to_string())])
}

/// 500: an answer that goes wrong on purpose. It does not say whether the request was carried out.
pub fn injected() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "injected-fault",
        "This answer went wrong on purpose, as PAYMENT_FAULTS asks for; the request may have been carried out.",
    )
}

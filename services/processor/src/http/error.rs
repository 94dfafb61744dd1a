//! Maps refusals of the use cases to problems.

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
            "The reference was used with a different amount or currency. This request charged nothing.",
        )
        .into()
    }
}

/// 422, with all invalid fields.
pub fn invalid_fields(invalid: Vec<Invalid>) -> Problem {
    let errors = invalid.into_iter().map(|field| FieldError::new(field.field, field.detail)).collect();
    Problem::invalid_fields(errors)
}

/// 422, with one invalid field.
pub fn invalid_field(field: &str, error: impl std::fmt::Display) -> Problem {
    Problem::invalid_fields(vec![FieldError::new(field, error.to_string())])
}

/// 500: a fault on purpose. The request may have been processed.
pub fn injected() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "injected-fault",
        "This response failed on purpose, as configured by PAYMENT_FAULTS. The request may have been processed.",
    )
}

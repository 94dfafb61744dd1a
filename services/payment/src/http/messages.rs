//! Requests and answers as JSON.

use axum::response::{IntoResponse, Response};
use events::BookingId;
use http::StatusCode;
use http_api::hal::{BaseUrl, Hal, Names, Resource};
use http_api::problem::{FieldError, Problem};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::Outcome;
use crate::domain::{Charge, Payment, PaymentToken, Status};

/// What a payment is called in links and collections.
pub const PAYMENTS: Names = Names { relation: "payment", plural: "payments" };

/// What is to be paid. Numbers may be sent as text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRequest {
    #[schema(value_type = i64, required = true, example = 1, minimum = 1)]
    booking_id: Option<BookingId>,
    /// Only `Paid`.
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(example = "Paid")]
    status: Option<String>,
    /// In the smallest unit of the currency; 0 when it is not there.
    #[serde(default, deserialize_with = "events::lenient::optional_integer")]
    #[schema(example = 10000, minimum = 0)]
    total_price: Option<i64>,
    /// What the customer pays with, as the provider names it.
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(example = "tok_ok", max_length = 128)]
    payment_token: Option<String>,
}

impl PaymentRequest {
    /// # Errors
    ///
    /// 422 naming every wrong field.
    pub fn into_charge(self) -> Result<(Charge, Option<PaymentToken>), Problem> {
        let charge = Charge::parse(self.booking_id, self.status.as_deref(), self.total_price);
        let token = self.payment_token.map(PaymentToken::parse).transpose();
        let wrong_token =
            token.as_ref().err().map(|error| FieldError::new("paymentToken", error.to_string()));
        match (charge, token) {
            (Ok(charge), Ok(token)) => Ok((charge, token)),
            (charge, _) => {
                let invalid = charge.err().into_iter().flatten();
                let errors = invalid.map(|one| FieldError::new(one.field, one.detail));
                Err(Problem::invalid_fields(errors.chain(wrong_token).collect()))
            }
        }
    }
}

/// Whose money goes back. Numbers may be sent as text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancellationRequest {
    #[schema(value_type = i64, required = true, example = 1, minimum = 1)]
    booking_id: Option<BookingId>,
}

impl CancellationRequest {
    /// # Errors
    ///
    /// 422 when it is missing.
    pub fn booking_id(&self) -> Result<BookingId, Problem> {
        required(self.booking_id)
    }
}

/// Whose payment is inquired about. Numbers may be sent as text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InquiryRequest {
    #[schema(value_type = i64, required = true, example = 1, minimum = 1)]
    booking_id: Option<BookingId>,
}

impl InquiryRequest {
    /// # Errors
    ///
    /// 422 when it is missing.
    pub fn booking_id(&self) -> Result<BookingId, Problem> {
        required(self.booking_id)
    }
}

/// Whose payment is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct BookingQuery {
    /// The booking's id.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_id")]
    #[param(value_type = i64, required = true, example = 1, minimum = 1)]
    booking_id: Option<BookingId>,
}

impl BookingQuery {
    /// # Errors
    ///
    /// 422 when it is missing.
    pub fn booking_id(&self) -> Result<BookingId, Problem> {
        required(self.booking_id)
    }
}

fn required(booking_id: Option<BookingId>) -> Result<BookingId, Problem> {
    booking_id.ok_or_else(|| Problem::invalid_fields(vec![FieldError::new("bookingId", "is required")]))
}

/// A booking's payment.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Payment)]
pub struct PaymentBody {
    #[schema(example = 1)]
    id: i64,
    #[schema(example = 1)]
    booking_id: i64,
    /// What was charged, in the smallest unit of the currency, whether or not it went back; 0 for a booking that was canceled
    /// before any charge is known.
    #[schema(example = 10000)]
    total_price: i64,
    /// `Paid`, `Canceling`, `Canceled`, or `Voided`: canceled before it was paid.
    #[schema(example = "Paid")]
    status: String,
}

impl PaymentBody {
    /// `payment` as it is.
    pub fn resource(base: &BaseUrl, payment: &Payment) -> Resource<Self> {
        let row = payment.row();
        let body = Self {
            id: row.id.get(),
            booking_id: row.booking_id.get(),
            total_price: row.total_price.get(),
            status: row.status.to_string(),
        };
        base.resource(PAYMENTS, row.id, body)
    }

    /// 201 for what is new, 200 for what was there before, 202 for a cancel that goes on.
    pub fn answer(base: &BaseUrl, outcome: &Outcome) -> Response {
        match outcome {
            Outcome::Created(payment) | Outcome::Existing(payment)
                if payment.status() == Status::Canceling =>
            {
                Self::resource(base, payment).located(StatusCode::ACCEPTED)
            }
            Outcome::Created(payment) => Self::resource(base, payment).located(StatusCode::CREATED),
            Outcome::Existing(payment) => Hal(Self::resource(base, payment)).into_response(),
        }
    }
}

//! The JSON of requests and responses.

use axum::response::{IntoResponse, Response};
use events::BookingId;
use http::StatusCode;
use http_api::hal::{BaseUrl, Hal, Names, Resource};
use http_api::problem::{FieldError, Problem};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::Outcome;
use crate::domain::{Charge, Payment, PaymentToken, Status};

/// The names of payments in links and collections.
pub const PAYMENTS: Names = Names { relation: "payment", plural: "payments" };

/// A request to pay for a booking. Numbers may be sent as text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRequest {
    #[schema(value_type = i64, required = true, example = 1, minimum = 1)]
    booking_id: Option<BookingId>,
    /// Only `Paid`.
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(example = "Paid")]
    status: Option<String>,
    /// In the smallest unit of the currency; 0 if omitted.
    #[serde(default, deserialize_with = "events::lenient::optional_integer")]
    #[schema(example = 10000, minimum = 0)]
    total_price: Option<i64>,
    /// The provider's token for the customer's means of payment.
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(example = "tok_ok", max_length = 128)]
    payment_token: Option<String>,
}

impl PaymentRequest {
    /// Parses all fields into a charge and the token to pay it with.
    ///
    /// # Errors
    ///
    /// 422 with all invalid fields.
    pub fn into_charge(self) -> Result<(Charge, Option<PaymentToken>), Problem> {
        let charge = Charge::parse(self.booking_id, self.status.as_deref(), self.total_price);
        let token = self.payment_token.map(PaymentToken::parse).transpose();
        let wrong_token =
            token.as_ref().err().map(|error| FieldError::new("paymentToken", error.to_string()));
        match (charge, token) {
            (Ok(charge), Ok(token)) => Ok((charge, token)),
            (charge, _) => {
                let invalid = charge.err().into_iter().flatten();
                let errors = invalid.map(|field| FieldError::new(field.field, field.detail));
                Err(Problem::invalid_fields(errors.chain(wrong_token).collect()))
            }
        }
    }
}

/// A request to cancel a booking's payment. Numbers may be sent as text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancellationRequest {
    #[schema(value_type = i64, required = true, example = 1, minimum = 1)]
    booking_id: Option<BookingId>,
}

impl CancellationRequest {
    /// Returns the booking id, which is required.
    ///
    /// # Errors
    ///
    /// 422 if it is missing.
    pub fn booking_id(&self) -> Result<BookingId, Problem> {
        required(self.booking_id)
    }
}

/// An inquiry about a booking's payment. Numbers may be sent as text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InquiryRequest {
    #[schema(value_type = i64, required = true, example = 1, minimum = 1)]
    booking_id: Option<BookingId>,
}

impl InquiryRequest {
    /// Returns the booking id, which is required.
    ///
    /// # Errors
    ///
    /// 422 if it is missing.
    pub fn booking_id(&self) -> Result<BookingId, Problem> {
        required(self.booking_id)
    }
}

/// The filter of the search.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct BookingQuery {
    /// The id of the booking.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_id")]
    #[param(value_type = i64, required = true, example = 1, minimum = 1)]
    booking_id: Option<BookingId>,
}

impl BookingQuery {
    /// Returns the booking id, which is required.
    ///
    /// # Errors
    ///
    /// 422 if it is missing.
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
    /// The charged amount in the smallest unit of the currency, even after a refund; 0 if the booking was
    /// canceled before any charge was known.
    #[schema(example = 10000)]
    total_price: i64,
    /// `Paid`, `Canceling`, `Canceled` (refunded) or `Voided` (canceled before it was charged).
    #[schema(example = "Paid")]
    status: String,
}

impl PaymentBody {
    /// `payment` in its current state.
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

    /// 201 for a new payment, 200 for an existing one, 202 for a cancellation in progress.
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

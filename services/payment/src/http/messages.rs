//! The JSON of requests and responses.

use axum::response::{IntoResponse, Response};
use events::BookingId;
use http::StatusCode;
use http_api::hal::{BaseUrl, Hal, List, Listed, Names, Resource};
use http_api::problem::{FieldError, Problem};
use serde::{Deserialize, Serialize};
use service::pages::Collection;
use utoipa::{IntoParams, ToSchema};

use crate::app::Outcome;
use crate::domain::{Charge, Payment, PaymentToken, Status};

/// The names of payments in links and collections.
pub const PAYMENTS: Names = Names { relation: "payment", plural: "payments" };

/// A payment with its links.
pub type PaymentResource = Resource<PaymentBody>;
/// A page of payments.
pub type PaymentPage = Collection<PaymentBody>;
/// All payments of a booking.
pub type PaymentList = List<PaymentBody>;

impl Listed for PaymentBody {
    const NAMES: Names = PAYMENTS;
}

/// A request to pay for a booking. Numbers may be sent as text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRequest {
    /// The booking to pay for.
    #[schema(value_type = i64, required = true, example = 1, minimum = 1)]
    booking_id: Option<BookingId>,
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(value_type = Option<PaidStatus>)]
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

/// The only status that a request can ask for.
#[derive(ToSchema)]
#[schema(example = "Paid")]
#[expect(dead_code, reason = "only its schema is used")]
enum PaidStatus {
    Paid,
}

/// A request to cancel a booking's payment. Numbers may be sent as text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancellationRequest {
    /// The booking whose payment is canceled.
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
    /// The booking whose payment is looked for.
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

/// The state of a payment: `Paid`, `Canceling` until the provider has confirmed the refund, `Canceled` once
/// the money is refunded, and `Voided` if the booking was canceled before it was charged.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(example = "Paid")]
pub enum PaymentStatus {
    Paid,
    Canceling,
    Canceled,
    Voided,
}

impl From<Status> for PaymentStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Paid => Self::Paid,
            Status::Canceling => Self::Canceling,
            Status::Canceled => Self::Canceled,
            Status::Voided => Self::Voided,
        }
    }
}

/// A booking's payment.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Payment)]
pub struct PaymentBody {
    /// The id of the payment.
    #[schema(example = 1)]
    id: i64,
    /// The id of the booking.
    #[schema(example = 1)]
    booking_id: i64,
    /// The charged amount in the smallest unit of the currency, even after a refund; 0 if the booking was
    /// canceled before any charge was known.
    #[schema(example = 10000)]
    total_price: i64,
    status: PaymentStatus,
}

impl PaymentBody {
    /// `payment` in its current state.
    pub fn resource(base: &BaseUrl, payment: &Payment) -> Resource<Self> {
        let row = payment.row();
        let body = Self {
            id: row.id.get(),
            booking_id: row.booking_id.get(),
            total_price: row.total_price.get(),
            status: row.status.into(),
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

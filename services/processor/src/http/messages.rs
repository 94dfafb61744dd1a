//! The JSON of requests and responses.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use http_api::problem::Problem;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::{invalid_field, invalid_fields};
use crate::domain::{Charge, Movement, Payment, Reference, Status};

const PAGE_DEFAULT: i64 = 100;
const PAGE_MAX: i64 = 1_000;

/// The reference in a path.
#[derive(Debug)]
pub struct PathReference(pub Reference);

impl<S: Send + Sync> FromRequestParts<S> for PathReference {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        // A path that is not UTF-8 is not a reference.
        let text = path.map_or_else(|_| String::new(), |Path(text)| text);
        text.parse().map(Self).map_err(|error| invalid_field("reference", error))
    }
}

/// A request for a charge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChargeRequest {
    /// In the smallest unit of the currency.
    #[schema(required = true, example = 20000, minimum = 0)]
    amount: Option<i64>,
    /// Three capital letters (ISO 4217).
    #[schema(required = true, example = "KRW", pattern = "^[A-Z]{3}$")]
    currency: Option<String>,
    /// `tok_ok`, which is the default, and `tok_slow` are paid; `tok_declined`, `tok_insufficient_funds` and
    /// all other tokens are declined.
    #[schema(example = "tok_ok", max_length = 128)]
    payment_token: Option<String>,
}

impl ChargeRequest {
    /// Parses all fields into the charge with this reference.
    ///
    /// # Errors
    ///
    /// 422 with all invalid fields.
    pub fn into_charge(self, reference: &Reference) -> Result<Charge, Problem> {
        let Self { amount, currency, payment_token } = self;
        Charge::parse(reference.as_str(), amount, currency.as_deref(), payment_token.as_deref())
            .map_err(invalid_fields)
    }
}

/// The state of a payment: `pending` while its charge is being decided, then `succeeded` or `declined`. Only a
/// cancellation ends `succeeded`; `canceled` is final.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(example = "succeeded")]
pub enum PaymentStatus {
    Pending,
    Succeeded,
    Declined,
    Canceled,
}

impl From<Status> for PaymentStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Succeeded => Self::Succeeded,
            Status::Declined => Self::Declined,
            Status::Canceled => Self::Canceled,
        }
    }
}

/// The payment of a reference.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Payment)]
pub struct PaymentBody {
    #[schema(example = "k3x9-booking-17")]
    reference: String,
    status: PaymentStatus,
    /// The amount of the first request. `null`: the reference was canceled before any charge was requested.
    #[schema(example = 20000)]
    amount: Option<i64>,
    #[schema(example = "KRW")]
    currency: Option<String>,
    /// `declined`, `insufficient-funds`, `amount-limit` or `unknown-token`.
    decline_reason: Option<&'static str>,
    /// When the money was charged.
    #[schema(format = DateTime)]
    charged_at: Option<String>,
    /// When the money was refunded.
    #[schema(format = DateTime)]
    refunded_at: Option<String>,
}

/// Formats a time with the precision of the database, so that every response shows the same time.
fn format(at: Timestamp) -> String {
    format!("{at:.6}")
}

impl From<&Payment> for PaymentBody {
    fn from(payment: &Payment) -> Self {
        let row = payment.row();
        Self {
            reference: row.reference.to_string(),
            status: row.status.into(),
            amount: row.money.map(|money| money.amount.get()),
            currency: row.money.map(|money| money.currency.to_string()),
            decline_reason: row.decline_reason.map(|reason| reason.into_str()),
            charged_at: row.charged_at.map(format),
            refunded_at: row.refunded_at.map(format),
        }
    }
}

impl PaymentBody {
    /// The body of 202, for a charge that another request is deciding.
    pub fn pending(charge: &Charge) -> Self {
        Self::from(&Payment::pending(charge.reference.clone(), charge.money))
    }
}

/// The part of the ledger to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LedgerQuery {
    /// List the movements after this number.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_number")]
    #[param(minimum = 0, default = 0)]
    after: Option<i64>,
    /// Maximum number of movements to list.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_number")]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    size: Option<i64>,
}

impl LedgerQuery {
    /// The number to begin after, and the maximum number of movements.
    ///
    /// # Errors
    ///
    /// 422 with the invalid parameter.
    pub fn range(&self) -> Result<(i64, i64), Problem> {
        let (after, size) = (self.after.unwrap_or(0), self.size.unwrap_or(PAGE_DEFAULT));
        if after < 0 {
            return Err(invalid_field("after", "must not be negative".to_owned()));
        }
        if !(1..=PAGE_MAX).contains(&size) {
            return Err(invalid_field("size", format!("must be a whole number from 1 to {PAGE_MAX}")));
        }
        Ok((after, size))
    }
}

/// One movement of money.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Movement)]
pub struct MovementBody {
    /// The number of the movement. Later movements have higher numbers; there may be gaps.
    #[schema(example = 1)]
    seq: i64,
    #[schema(example = "k3x9-booking-17")]
    reference: String,
    /// `charge` or `refund`.
    #[schema(example = "charge")]
    kind: &'static str,
    /// In the smallest unit of the currency; not negative.
    #[schema(example = 20000)]
    amount: i64,
    #[schema(example = "KRW")]
    currency: String,
    #[schema(format = DateTime)]
    at: String,
}

impl From<Movement> for MovementBody {
    fn from(movement: Movement) -> Self {
        let Movement { seq, reference, kind, money, at } = movement;
        Self {
            seq,
            reference: reference.to_string(),
            kind: kind.into_str(),
            amount: money.amount.get(),
            currency: money.currency.to_string(),
            at: format(at),
        }
    }
}

/// A part of the ledger, oldest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Ledger)]
pub struct LedgerBody {
    pub movements: Vec<MovementBody>,
    /// The number of the last movement of the whole ledger, or 0 if there is none. A page that ends with it
    /// is the last page.
    #[schema(example = 1)]
    pub highest_seq: i64,
}

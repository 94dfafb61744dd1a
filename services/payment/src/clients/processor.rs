//! The client of the payment provider: `PUT /v1/payments/{reference}` charges, and `POST …/cancel` refunds
//! the charge or prevents it.
//!
//! A reference is the provider's idempotency key. Every call may be repeated: a canceled reference stays
//! canceled, a charge ends only by a cancellation, and there is at most one charge per reference. An adapter
//! for a different provider would replace this file.

use std::time::Duration;

use events::{BookingId, Price};
use http::StatusCode;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use upstream::{Answer, CallError, Settings, Upstream, Url};

use crate::domain::{FleetId, PaymentToken, Reference};

const CURRENCY: &str = "KRW";
/// Maximum number of concurrent calls. It is higher than for other upstreams, because a slow provider keeps a
/// call open until its deadline.
const CALLS_MAX: usize = 2_048;

/// The client of the payment provider.
#[derive(Clone, Debug)]
pub struct Processor {
    upstream: Upstream,
    fleet: FleetId,
}

/// The provider's answer to a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargeAnswer {
    /// The money is charged, by this request or an earlier one.
    Succeeded,
    /// Nothing was charged; another attempt may succeed.
    Declined,
    /// The reference was canceled, so nothing is ever charged under it.
    Canceled,
    /// The reference was used with a different amount.
    AmountConflict,
}

/// The state of a reference at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// There is no charge; one may still arrive.
    NotCharged,
    Charged(Price),
    /// Final, with the refunded amount if there was a charge.
    Canceled(Option<Price>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChargeRequest<'r> {
    amount: i64,
    currency: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_token: Option<&'r str>,
}

#[derive(Serialize)]
struct CancelRequest {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    status: Status,
    amount: Option<i64>,
    /// When the charge was refunded.
    refunded_at: Option<IgnoredAny>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Pending,
    Succeeded,
    Declined,
    Canceled,
}

/// The settings for calls to the provider at `url`. One attempt may take the whole `deadline`, so that a slow
/// provider neither opens the breaker nor gets the same request twice.
pub fn settings(url: Url, deadline: Duration) -> Settings {
    let settings = Settings::new(url, deadline);
    let breaker =
        circuit_breaker::Settings { slow_call_duration_threshold: deadline * 2, ..settings.breaker };
    Settings { attempt_timeout: deadline, max_concurrent_calls: CALLS_MAX, breaker, ..settings }
}

impl Processor {
    /// A client that charges for the installation `fleet`.
    pub fn new(settings: Settings, fleet: FleetId) -> Self {
        Self { upstream: Upstream::new("processor", settings), fleet }
    }

    /// The upstream, for `/readyz`.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// The reference of a booking's charge.
    pub fn reference(&self, booking_id: BookingId) -> Reference {
        Reference::of(&self.fleet, booking_id)
    }

    /// Charges `price` under `reference`, once.
    ///
    /// # Errors
    ///
    /// When the call fails, or its response is unexpected.
    pub async fn charge(
        &self,
        reference: &Reference,
        price: Price,
        token: Option<&PaymentToken>,
    ) -> Result<ChargeAnswer, CallError> {
        let request = ChargeRequest {
            amount: price.get(),
            currency: CURRENCY,
            payment_token: token.map(PaymentToken::as_str),
        };
        let answer = self.upstream.put(&path(reference), &request).await?;
        if answer.status == StatusCode::CONFLICT {
            return Ok(ChargeAnswer::AmountConflict);
        }
        match self.message(&answer)?.status {
            Status::Succeeded => Ok(ChargeAnswer::Succeeded),
            Status::Declined => Ok(ChargeAnswer::Declined),
            Status::Canceled => Ok(ChargeAnswer::Canceled),
            Status::Pending => Err(self.upstream.unexpected(&answer)),
        }
    }

    /// Cancels `reference` permanently. Returns the refunded amount, if there was a charge.
    ///
    /// # Errors
    ///
    /// When the call fails, or its response is unexpected.
    pub async fn cancel(&self, reference: &Reference) -> Result<Option<Price>, CallError> {
        let path = format!("{}/cancel", path(reference));
        let answer = self.upstream.post(&path, reference.as_str(), &CancelRequest {}).await?;
        match self.found(&answer)? {
            Found::Canceled(refunded) => Ok(refunded),
            Found::NotCharged | Found::Charged(_) => Err(self.upstream.unexpected(&answer)),
        }
    }

    /// Queries the state of `reference`.
    ///
    /// # Errors
    ///
    /// When the call fails, or its response is unexpected.
    pub async fn find(&self, reference: &Reference) -> Result<Found, CallError> {
        let answer = self.upstream.get(&path(reference)).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(Found::NotCharged);
        }
        self.found(&answer)
    }

    fn found(&self, answer: &Answer) -> Result<Found, CallError> {
        let message = self.message(answer)?;
        let amount = message.amount.and_then(|amount| Price::parse(amount).ok());
        match (message.status, amount) {
            (Status::Pending | Status::Declined, _) => Ok(Found::NotCharged),
            (Status::Succeeded, Some(amount)) => Ok(Found::Charged(amount)),
            (Status::Canceled, Some(amount)) => {
                Ok(Found::Canceled(message.refunded_at.is_some().then_some(amount)))
            }
            (Status::Canceled, None) if message.refunded_at.is_none() => Ok(Found::Canceled(None)),
            // A charge or a refund without an amount is not a valid response.
            (Status::Succeeded | Status::Canceled, None) => Err(self.upstream.unexpected(answer)),
        }
    }

    fn message(&self, answer: &Answer) -> Result<Message, CallError> {
        match answer.status {
            StatusCode::OK | StatusCode::ACCEPTED => self.upstream.read(answer),
            _ => Err(self.upstream.unexpected(answer)),
        }
    }
}

fn path(reference: &Reference) -> String {
    format!("/v1/payments/{reference}")
}

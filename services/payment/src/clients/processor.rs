//! The payment provider: `PUT /v1/payments/{reference}` charges, `POST …/cancel` refunds or keeps a charge from ever standing.
//!
//! A reference is the provider's idempotency key. Every call here may be repeated: `succeeded` and `canceled` are final, and
//! at most one charge stands under a reference. Another provider's adapter would replace this file.

use std::time::Duration;

use events::{BookingId, Price};
use http::StatusCode;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use upstream::{Answer, CallError, Settings, Upstream, Url};

use crate::domain::{FleetId, PaymentToken, Reference};

const CURRENCY: &str = "KRW";
/// Calls under way at once. A slow provider holds one for as long as the deadline, so this is more than other upstreams have.
const CALLS_MAX: usize = 2_048;

/// Charges and refunds.
#[derive(Clone, Debug)]
pub struct Processor {
    upstream: Upstream,
    fleet: FleetId,
}

/// How the provider answered a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargeAnswer {
    /// The money is charged, now or before.
    Succeeded,
    /// Nothing was charged; another attempt may succeed.
    Declined,
    /// The reference was canceled: nothing is ever charged under it.
    Canceled,
    /// The reference stands for another amount.
    OtherAmount,
}

/// What the provider has under a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// No charge stands; one may still be on its way.
    NotCharged,
    Charged(Price),
    /// Final, with the amount that was refunded, if one had been charged.
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

/// How the provider at `url` is called: an answer is waited for as long as `deadline`, in one attempt, so that a slow provider
/// neither opens the breaker nor is asked twice.
pub fn settings(url: Url, deadline: Duration) -> Settings {
    let settings = Settings::new(url, deadline);
    let breaker =
        circuit_breaker::Settings { slow_call_duration_threshold: deadline * 2, ..settings.breaker };
    Settings { attempt_timeout: deadline, max_concurrent_calls: CALLS_MAX, breaker, ..settings }
}

impl Processor {
    /// Charges in the name of the installation `fleet`.
    pub fn new(settings: Settings, fleet: FleetId) -> Self {
        Self { upstream: Upstream::new("processor", settings), fleet }
    }

    /// The provider, for `/readyz`.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// The reference of a booking's charge.
    pub fn reference(&self, booking_id: BookingId) -> Reference {
        Reference::of(&self.fleet, booking_id)
    }

    /// Charges `price`, once.
    ///
    /// # Errors
    ///
    /// When there was no answer, or one that decides nothing.
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
            return Ok(ChargeAnswer::OtherAmount);
        }
        match self.message(&answer)?.status {
            Status::Succeeded => Ok(ChargeAnswer::Succeeded),
            Status::Declined => Ok(ChargeAnswer::Declined),
            Status::Canceled => Ok(ChargeAnswer::Canceled),
            Status::Pending => Err(self.upstream.unexpected(&answer)),
        }
    }

    /// Cancels the reference for good. Returns the amount that was refunded, now or before, if one had been charged.
    ///
    /// # Errors
    ///
    /// When there was no answer, or one that decides nothing.
    pub async fn cancel(&self, reference: &Reference) -> Result<Option<Price>, CallError> {
        let path = format!("{}/cancel", path(reference));
        let answer = self.upstream.post(&path, reference.as_str(), &CancelRequest {}).await?;
        match self.found(&answer)? {
            Found::Canceled(refunded) => Ok(refunded),
            Found::NotCharged | Found::Charged(_) => Err(self.upstream.unexpected(&answer)),
        }
    }

    /// What the provider has under the reference.
    ///
    /// # Errors
    ///
    /// When there was no answer, or one that decides nothing.
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
            // Money that moved has an amount.
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

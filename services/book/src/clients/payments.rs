//! Calls to the payment service: `POST /payments`, and inquiries about a payment.

use events::BookingId;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use telemetry::chain;
use upstream::{Answer, CallError, Settings, Upstream};

use crate::domain::{Booking, PaymentAnswer};

/// The client of the payment service.
#[derive(Clone, Debug)]
pub struct Payments {
    upstream: Upstream,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PaymentRequest {
    booking_id: BookingId,
    status: &'static str,
    total_price: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Inquiry {
    booking_id: BookingId,
}

/// The part of a problem that identifies it.
#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "type")]
    kind: String,
}

/// A booking's payment, as the payment service returns it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundPayment {
    pub status: PaymentStatus,
    pub total_price: i64,
}

/// The state of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum PaymentStatus {
    Paid,
    /// The money is being refunded, or a charge is being prevented.
    Canceling,
    /// The money was refunded.
    Canceled,
    /// The booking was canceled before it was charged, and is never charged.
    Voided,
}

/// The result of a search: one payment, or none.
#[derive(Deserialize)]
struct Found {
    #[serde(rename = "_embedded")]
    embedded: Embedded,
}

#[derive(Deserialize)]
struct Embedded {
    payments: Vec<FoundPayment>,
}

impl Payments {
    pub fn new(settings: impl Into<Settings>) -> Self {
        Self { upstream: Upstream::new("payment", settings.into()) }
    }

    /// The upstream, for `/readyz`.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Pays for `booking`. A repeated call charges nothing more, as a booking has one payment. The error is
    /// the failed call, if one failed.
    pub async fn pay(&self, booking: &Booking) -> (PaymentAnswer, Option<CallError>) {
        match self.post_payment(booking).await {
            Ok(answer) => (answer, None),
            Err(failure) if failure.was_never_sent() => (PaymentAnswer::NotReached, Some(failure)),
            Err(failure) => {
                tracing::warn!(cause = chain(&failure), "it is unknown whether the booking was paid");
                (PaymentAnswer::Unknown, Some(failure))
            }
        }
    }

    async fn post_payment(&self, booking: &Booking) -> Result<PaymentAnswer, CallError> {
        let key = format!("booking-{}", booking.id());
        let request = PaymentRequest {
            booking_id: booking.id(),
            status: "Paid",
            total_price: booking.amount_due().get(),
        };
        let answer = self.upstream.post("/payments", &key, &request).await?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => Ok(PaymentAnswer::Paid),
            StatusCode::PAYMENT_REQUIRED => Ok(PaymentAnswer::Declined),
            // The booking was canceled at payment: nothing is charged.
            StatusCode::CONFLICT if self.is(&answer, "booking-voided") => Ok(PaymentAnswer::Declined),
            // An inquiry settles it, or the hold expires.
            StatusCode::CONFLICT => {
                tracing::warn!("another amount was charged; the booking stays pending");
                Ok(PaymentAnswer::Unknown)
            }
            // Payment could not reach its provider. If this call made an earlier attempt, that one may have
            // been charged.
            StatusCode::SERVICE_UNAVAILABLE
                if answer.is_of_only_attempt() && self.is(&answer, "payment-unavailable") =>
            {
                Ok(PaymentAnswer::NotReached)
            }
            _ => Err(self.upstream.unexpected(&answer)),
        }
    }

    /// Whether `answer` is the problem `slug`.
    fn is(&self, answer: &Answer, slug: &str) -> bool {
        let refusal = self.upstream.read::<Refusal>(answer);
        refusal.is_ok_and(|refusal| refusal.kind.strip_prefix("/problems/") == Some(slug))
    }

    /// Inquires about the payment of `booking`. If payment has no record, it asks its provider.
    ///
    /// # Errors
    ///
    /// When the call fails, or its response is unexpected.
    pub async fn inquire(&self, booking: BookingId) -> Result<Option<FoundPayment>, CallError> {
        let key = format!("booking-{booking}");
        let inquiry = Inquiry { booking_id: booking };
        let answer = self.upstream.post("/payments/inquiries", &key, &inquiry).await?;
        match answer.status {
            StatusCode::OK => self.first_of(&answer),
            // The original payment service and an earlier version know only their own records.
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => self.find(booking).await,
            _ => Err(self.upstream.unexpected(&answer)),
        }
    }

    async fn find(&self, booking: BookingId) -> Result<Option<FoundPayment>, CallError> {
        let path = format!("/payments/search/findByBookingId?bookingId={booking}");
        let answer = self.upstream.get(&path).await?;
        match answer.status {
            StatusCode::OK => self.first_of(&answer),
            _ => Err(self.upstream.unexpected(&answer)),
        }
    }

    fn first_of(&self, answer: &Answer) -> Result<Option<FoundPayment>, CallError> {
        let found: Found = self.upstream.read(answer)?;
        Ok(found.embedded.payments.into_iter().next())
    }
}

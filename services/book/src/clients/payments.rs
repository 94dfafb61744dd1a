//! The payment service: `POST /payments`, and what is known there of a booking.

use events::BookingId;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use service_kit::upstream::{CallError, Settings, Upstream};

use crate::domain::Booking;

/// Asks for payments.
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

/// What the payment service said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentAnswer {
    Paid,
    /// Declined, or refused because the booking's money was called back or another sum was paid for it.
    Declined,
}

/// A booking's payment, as the payment service has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FoundPayment {
    pub status: PaymentStatus,
    pub total_price: i64,
}

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum PaymentStatus {
    Paid,
    /// The money went back.
    Canceled,
    /// It was called back before it came, and is not taken any more.
    Voided,
}

/// A search's answer: its one payment, or none.
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

    /// The service behind it, for `/readyz`.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Asks for the payment of `booking`. Asking twice charges once: payments are one per booking.
    ///
    /// # Errors
    ///
    /// When there was no answer, or one that decides nothing.
    pub async fn pay(&self, booking: &Booking) -> Result<PaymentAnswer, CallError> {
        let key = format!("booking-{}", booking.id());
        let request = PaymentRequest {
            booking_id: booking.id(),
            status: "Paid",
            total_price: booking.amount_due().get(),
        };
        let answer = self.upstream.post("/payments", &key, &request).await?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => Ok(PaymentAnswer::Paid),
            StatusCode::PAYMENT_REQUIRED | StatusCode::CONFLICT => Ok(PaymentAnswer::Declined),
            _ => Err(self.upstream.unexpected(&answer)),
        }
    }

    /// What the payment service has for `booking`.
    ///
    /// # Errors
    ///
    /// When there was no answer, or one that decides nothing.
    pub async fn find(&self, booking: BookingId) -> Result<Option<FoundPayment>, CallError> {
        let path = format!("/payments/search/findByBookingId?bookingId={booking}");
        let answer = self.upstream.get(&path).await?;
        if answer.status != StatusCode::OK {
            return Err(self.upstream.unexpected(&answer));
        }
        let found: Found = self.upstream.read(&answer)?;
        Ok(found.embedded.payments.into_iter().next())
    }
}

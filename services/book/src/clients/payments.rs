//! The payment service: `POST /payments`.

use std::time::Duration;

use events::BookingId;
use http::StatusCode;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use service_kit::upstream::{CallError, Upstream};

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

/// What the payment service has of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentState {
    /// So much was taken, and is kept.
    Paid(i64),
    /// The money went back, or none will be taken.
    Over,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "_embedded")]
    embedded: Embedded,
}

#[derive(Deserialize)]
struct Embedded {
    payments: Vec<FoundPayment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FoundPayment {
    total_price: i64,
    status: String,
}

impl Payments {
    /// `deadline` bounds a whole call.
    pub fn new(base: Url, deadline: Duration) -> Self {
        Self { upstream: Upstream::new("payment", base, deadline) }
    }

    /// Asks for the payment of `booking`. Asking twice charges once: payments are one per booking.
    ///
    /// # Errors
    ///
    /// When there was no answer, or one that decides nothing.
    pub async fn pay(&self, booking: &Booking) -> Result<PaymentAnswer, CallError> {
        let request = PaymentRequest {
            booking_id: booking.id(),
            status: "Paid",
            total_price: booking.amount_due().get(),
        };
        let answer = self.upstream.post("/payments", &request).await?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => Ok(PaymentAnswer::Paid),
            StatusCode::PAYMENT_REQUIRED | StatusCode::CONFLICT => Ok(PaymentAnswer::Declined),
            _ => Err(self.upstream.unexpected(&answer)),
        }
    }

    /// What became of the payment of `booking`; `None` when there is none, yet.
    ///
    /// # Errors
    ///
    /// When there was no answer that tells.
    pub async fn find(&self, booking: BookingId) -> Result<Option<PaymentState>, CallError> {
        let path = format!("/payments/search/findByBookingId?bookingId={booking}");
        let answer = self.upstream.get(&path).await?;
        if answer.status != StatusCode::OK {
            return Err(self.upstream.unexpected(&answer));
        }
        let found: Found = self.upstream.read(&answer)?;
        Ok(found.embedded.payments.first().map(|payment| match payment.status.as_str() {
            "Paid" => PaymentState::Paid(payment.total_price),
            _ => PaymentState::Over,
        }))
    }
}

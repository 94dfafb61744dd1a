//! `POST /cancellations`.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use events::BookingId;
use http_api::extract::Json;
use http_api::hal::BaseUrl;
use http_api::problem;
use http_server::outliving::run_to_end;
use http_server::request_log::record;
use service::Refusal;
use telemetry::chain;

use super::messages::{CancellationRequest, PaymentBody, PaymentResource};
use crate::AppState;
use crate::app::{Outcome, begin_cancel};
use crate::domain::Status;
use crate::refunder::{CLAIM, refund};

/// Refunds a booking's payment, or prevents one that may still arrive. Only the fleet itself may call this.
///
/// A payment is refunded once, however often the request is repeated. If the provider does not confirm the
/// refund in time, the answer is 202, and the refund completes later.
#[utoipa::path(
    post,
    path = "/cancellations",
    operation_id = "cancelPayment",
    tag = "payments",
    request_body = CancellationRequest,
    responses(
        (status = 200, description = "The payment is canceled, by this request or an earlier one", body = PaymentResource, content_type = "application/hal+json"),
        (status = 201, description = "The booking had no payment, and is never charged", body = PaymentResource, content_type = "application/hal+json"),
        (status = 202, description = "The provider has not confirmed the cancellation yet; it is retried until it does", body = PaymentResource, content_type = "application/hal+json"),
        (status = 422, description = "An invalid or missing bookingId", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn cancel(
    State(state): State<AppState>,
    base: BaseUrl,
    Json(request): Json<CancellationRequest>,
) -> Result<Response, Refusal> {
    let booking_id = request.booking_id()?;
    record("booking_id", booking_id.get());

    // The refunder leaves a claimed cancel to this request.
    let begun = begin(&state, booking_id, CLAIM).await?;
    let outcome = if begun.payment().status() == Status::Canceling {
        run_to_end(async move { end(&state, begun).await }).await
    } else {
        begun
    };
    Ok(PaymentBody::answer(&base, &outcome))
}

async fn begin(state: &AppState, booking_id: BookingId, pause: Duration) -> Result<Outcome, Refusal> {
    let mut tx = state.db.begin().await?;
    let outcome = begin_cancel(&mut tx, booking_id, pause).await?;
    tx.commit().await?;
    Ok(outcome)
}

/// Cancels at the provider. Returns the payment with its new status, or `begun` if the provider did not
/// confirm.
async fn end(state: &AppState, begun: Outcome) -> Outcome {
    let row = begun.payment().row();
    match refund(state, row.booking_id, row.reference.clone()).await {
        Ok(payment) if matches!(begun, Outcome::Created(_)) => Outcome::Created(payment),
        Ok(payment) => Outcome::Existing(payment),
        Err(error) => {
            tracing::warn!(
                cause = chain(&error),
                "the cancellation stays in progress; the refunder retries it"
            );
            begun
        }
    }
}

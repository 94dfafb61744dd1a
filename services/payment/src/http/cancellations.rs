//! Give back.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use events::BookingId;
use http_api::extract::Json;
use http_api::hal::{BaseUrl, Resource};
use http_api::problem;
use http_server::outliving::run_to_end;
use http_server::request_log::record;
use service::Refusal;
use telemetry::chain;

use super::messages::{CancellationRequest, PaymentBody};
use crate::AppState;
use crate::app::{Outcome, begin_cancel};
use crate::domain::Status;
use crate::refunder::{CLAIM, refund};

/// Gives a booking's money back, or keeps it from ever being taken. As often as one likes: it goes back once.
///
/// Two transactions with the provider between them. If the provider does not confirm, the refunder goes on.
#[utoipa::path(
    post,
    path = "/cancellations",
    tag = "payments",
    request_body = CancellationRequest,
    responses(
        (status = 200, description = "The money went back, now or before", body = Resource<PaymentBody>, content_type = "application/hal+json"),
        (status = 201, description = "Nothing was recorded as paid yet, and nothing will be", body = Resource<PaymentBody>, content_type = "application/hal+json"),
        (status = 202, description = "The provider has not confirmed yet; it is asked until it does", body = Resource<PaymentBody>, content_type = "application/hal+json"),
        (status = 422, description = "A wrong or missing bookingId", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn cancel(
    State(state): State<AppState>,
    base: BaseUrl,
    Json(request): Json<CancellationRequest>,
) -> Result<Response, Refusal> {
    let booking_id = request.booking_id()?;
    record("booking_id", booking_id);

    // What is claimed here, the refunder leaves alone for now.
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

/// The payment after the provider was asked; as it was, if that came to nothing.
async fn end(state: &AppState, begun: Outcome) -> Outcome {
    let row = begun.payment().row();
    match refund(state, row.booking_id, row.reference.clone()).await {
        Ok(payment) if matches!(begun, Outcome::Created(_)) => Outcome::Created(payment),
        Ok(payment) => Outcome::Existing(payment),
        Err(error) => {
            tracing::warn!(cause = chain(&error), "the cancel goes on");
            begun
        }
    }
}

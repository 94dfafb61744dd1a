//! Give back.

use axum::extract::State;
use axum::response::Response;
use service_kit::extract::Json;
use service_kit::hal::{BaseUrl, Resource};
use service_kit::problem::{self, Problem};
use service_kit::request_log::concerns_booking;

use super::messages::{CancellationRequest, PaymentBody};
use crate::AppState;
use crate::app::cancel_payment;

/// Gives a booking's money back, or sees to it that none is ever taken. As often as one likes: it goes back once.
#[utoipa::path(
    post,
    path = "/cancellations",
    tag = "payments",
    request_body = CancellationRequest,
    responses(
        (status = 200, description = "The money went back, now or before", body = Resource<PaymentBody>, content_type = "application/hal+json"),
        (status = 201, description = "Nothing was paid yet, and nothing will be", body = Resource<PaymentBody>, content_type = "application/hal+json"),
        (status = 422, description = "A wrong or missing bookingId", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn cancel(
    State(state): State<AppState>,
    base: BaseUrl,
    Json(request): Json<CancellationRequest>,
) -> Result<Response, Problem> {
    let booking_id = request.booking_id()?;
    concerns_booking(booking_id);

    let mut tx = state.db.begin().await?;
    let outcome = cancel_payment(&mut tx, booking_id).await?;
    tx.commit().await?;
    Ok(PaymentBody::answer(&base, &outcome))
}

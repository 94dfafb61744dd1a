//! Charge, cancel, look up.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use http_api::extract::{Anything, Json, OptionalJson};
use http_api::problem::{self, Problem};
use http_server::outliving::run_to_end;
use process::crash;
use service::Refusal;
use tokio::time::sleep;

use super::messages::{ChargeRequest, PathReference, PaymentBody};
use crate::AppState;
use crate::app::{cancel_payment, charge_payment, open_payment};
use crate::domain::{Charge, Payment, Reference};
use crate::store::payments;

/// When the caller of a charge that takes long may ask again, in seconds.
const RETRY_AFTER_SECONDS: u64 = 1;

/// Charges money under a reference, once. The same request again gets the same payment; of two requests at the same time
/// the second waits for the first.
#[utoipa::path(
    put,
    path = "/v1/payments/{reference}",
    tag = "payments",
    params(("reference" = String, Path, description = "The caller's name for the payment, and its idempotency key", max_length = 128, pattern = "^[A-Za-z0-9._-]+$")),
    request_body = ChargeRequest,
    responses(
        (status = 200, description = "`succeeded`, `declined`, or `canceled`: nothing is charged under a canceled reference", body = PaymentBody),
        (status = 202, description = "`pending`: another request is deciding this charge; ask again", body = PaymentBody),
        (status = 409, description = "The reference stands for another amount or currency", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "A wrong field", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn charge(
    State(state): State<AppState>,
    PathReference(reference): PathReference,
    Json(request): Json<ChargeRequest>,
) -> Result<Response, Refusal> {
    let charge = request.into_charge(&reference)?;
    let Some(turn) = state.turns.take(&reference).await else {
        return undecided(&state, &charge).await;
    };
    let payment = run_to_end(async move {
        let decided = decide(&state, &charge).await;
        drop(turn);
        decided
    });
    Ok(axum::Json(PaymentBody::from(&payment.await?)).into_response())
}

/// Decides the charge. No transaction is open while it takes its time. A crash meanwhile leaves the payment pending, and
/// the next request for it goes on from there.
async fn decide(state: &AppState, charge: &Charge) -> Result<Payment, Refusal> {
    if let Some(time) = state.sandbox.duration_of(charge) {
        let mut tx = state.db.begin().await?;
        let payment = open_payment(&mut tx, charge).await?;
        if payment.is_settled() {
            return Ok(payment);
        }
        tx.commit().await?;
        crash::point("processor.opened");
        sleep(time).await;
    }
    let mut tx = state.db.begin().await?;
    let payment = charge_payment(&mut tx, charge, state.sandbox.verdict(charge)).await?;
    tx.commit().await?;
    crash::point("processor.charged");
    Ok(payment)
}

/// The answer while another request decides the charge, unless the payment was settled meanwhile.
async fn undecided(state: &AppState, charge: &Charge) -> Result<Response, Refusal> {
    let found = payments::find(&mut state.db.read().await?, &charge.reference).await?;
    if let Some(payment) = found {
        payment.accept(charge.money)?;
        if payment.is_settled() {
            return Ok(axum::Json(PaymentBody::from(&payment)).into_response());
        }
    }
    let pending = axum::Json(PaymentBody::pending(charge));
    Ok((StatusCode::ACCEPTED, [(RETRY_AFTER, RETRY_AFTER_SECONDS)], pending).into_response())
}

/// Cancels a reference, for good: refunds what was charged, or makes sure that nothing ever is, also when a charge is on
/// its way. As often as the caller likes.
#[utoipa::path(
    post,
    path = "/v1/payments/{reference}/cancel",
    tag = "payments",
    params(("reference" = String, Path, description = "The caller's name for the payment", max_length = 128, pattern = "^[A-Za-z0-9._-]+$")),
    responses(
        (status = 200, description = "`canceled`; `refundedAt` says whether money was given back", body = PaymentBody),
        (status = 415, description = "A body, or a type of one, that is not JSON", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "Not a reference", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn cancel(
    State(state): State<AppState>,
    PathReference(reference): PathReference,
    // Read, so that no form of another site can cancel; what is in it is ignored.
    _: OptionalJson<Anything>,
) -> Result<axum::Json<PaymentBody>, Refusal> {
    let mut tx = state.db.begin().await?;
    let payment = cancel_payment(&mut tx, reference).await?;
    tx.commit().await?;
    crash::point("processor.canceled");
    Ok(axum::Json(PaymentBody::from(&payment)))
}

/// What became of a reference.
#[utoipa::path(
    get,
    path = "/v1/payments/{reference}",
    tag = "payments",
    params(("reference" = String, Path, description = "The caller's name for the payment", max_length = 128, pattern = "^[A-Za-z0-9._-]+$")),
    responses(
        (status = 200, description = "The payment", body = PaymentBody),
        (status = 404, description = "Nobody has asked for a charge or a cancel under this reference", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "Not a reference", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(state): State<AppState>,
    PathReference(reference): PathReference,
) -> Result<axum::Json<PaymentBody>, Refusal> {
    let found = payments::find(&mut state.db.read().await?, &reference).await?;
    let payment = found.ok_or_else(|| unknown(&reference))?;
    Ok(axum::Json(PaymentBody::from(&payment)))
}

fn unknown(reference: &Reference) -> Problem {
    let detail = format!("There is no payment under the reference {reference}.");
    Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
}

//! `/v1/payments/{reference}`: charge, cancel, show.

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

/// The `Retry-After` of a charge that another request is deciding, in seconds.
const RETRY_AFTER_SECONDS: u64 = 1;

/// Charges money under a reference, once.
///
/// A repeated request returns the same payment; a concurrent one waits for the first.
#[utoipa::path(
    put,
    path = "/v1/payments/{reference}",
    operation_id = "chargeReference",
    tag = "payments",
    params(("reference" = String, Path, description = "The caller's name for the payment, and its idempotency key", max_length = 128, pattern = "^[A-Za-z0-9._-]+$")),
    request_body = ChargeRequest,
    responses(
        (status = 200, description = "`succeeded`, `declined`, or `canceled` if the reference was canceled, so that nothing is charged", body = PaymentBody),
        (status = 202, description = "`pending`: another request is still deciding this charge; send the same request again", body = PaymentBody),
        (status = 409, description = "The reference was used with a different amount or currency", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "Invalid fields", body = problem::Body, content_type = "application/problem+json"),
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

/// Decides the charge. No transaction is open during the latency; a crash in it leaves the payment pending,
/// and the next request for it decides it.
async fn decide(state: &AppState, charge: &Charge) -> Result<Payment, Refusal> {
    if let Some(duration) = state.sandbox.duration_of(charge) {
        let mut tx = state.db.begin().await?;
        let payment = open_payment(&mut tx, charge).await?;
        if payment.is_settled() {
            return Ok(payment);
        }
        tx.commit().await?;
        crash::point("processor.opened");
        sleep(duration).await;
    }
    let mut tx = state.db.begin().await?;
    let payment = charge_payment(&mut tx, charge, state.sandbox.verdict(charge)).await?;
    tx.commit().await?;
    crash::point("processor.charged");
    Ok(payment)
}

/// The response while another request decides the charge: 202, or the payment if it is settled by now.
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

/// Cancels a reference permanently.
///
/// A charge is refunded; one that may still arrive is prevented. Repeated requests refund the charge once.
#[utoipa::path(
    post,
    path = "/v1/payments/{reference}/cancel",
    operation_id = "cancelReference",
    tag = "payments",
    params(("reference" = String, Path, description = "The caller's name for the payment", max_length = 128, pattern = "^[A-Za-z0-9._-]+$")),
    responses(
        (status = 200, description = "`canceled`; `refundedAt` is set if money was refunded", body = PaymentBody),
        (status = 415, description = "A body or a Content-Type that is not JSON", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "An invalid reference", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn cancel(
    State(state): State<AppState>,
    PathReference(reference): PathReference,
    // A form of another site cannot send JSON, so it cannot cancel. The content is ignored.
    _: OptionalJson<Anything>,
) -> Result<axum::Json<PaymentBody>, Refusal> {
    let mut tx = state.db.begin().await?;
    let payment = cancel_payment(&mut tx, reference).await?;
    tx.commit().await?;
    crash::point("processor.canceled");
    Ok(axum::Json(PaymentBody::from(&payment)))
}

/// The payment of a reference.
#[utoipa::path(
    get,
    path = "/v1/payments/{reference}",
    operation_id = "showReference",
    tag = "payments",
    params(("reference" = String, Path, description = "The caller's name for the payment", max_length = 128, pattern = "^[A-Za-z0-9._-]+$")),
    responses(
        (status = 200, description = "The payment", body = PaymentBody),
        (status = 404, description = "The reference was neither charged nor canceled", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "An invalid reference", body = problem::Body, content_type = "application/problem+json"),
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
    let detail = format!("There is no payment with the reference {reference}.");
    Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
}

//! Pay and look.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use events::PaymentId;
use service_kit::crash;
use service_kit::extract::{IdempotencyKey, Json, PathId, Query};
use service_kit::hal::{BaseUrl, Collection, Hal, List, PageQuery, PageRequest, Resource};
use service_kit::problem::{self, Problem};
use service_kit::request_log::{concerns_booking, see_through};

use super::error::name_of_another_booking;
use super::in_progress::{LostPayment, Turn};
use super::messages::{BookingQuery, PAYMENTS, PaymentBody, PaymentRequest};
use crate::AppState;
use crate::app::{
    Known, Outcome, find_payment, find_payment_of, find_taken, list_payments, repeat_payment, take_payment,
};
use crate::domain::Charge;

/// Pays a booking, once: whoever asks again gets the payment that was taken, or joins the one that is being taken.
#[utoipa::path(
    post,
    path = "/payments",
    tag = "payments",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 128, description = "What the client calls this request, so that it may send it again; kept for 24 hours")),
    request_body = PaymentRequest,
    responses(
        (status = 201, description = "Paid", body = Resource<PaymentBody>, content_type = "application/hal+json"),
        (status = 200, description = "Paid before, at the same price", body = Resource<PaymentBody>, content_type = "application/hal+json"),
        (status = 402, description = "Declined; nothing was charged", body = problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "Paid before at another price, or nothing is paid for this booking any more", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "A wrong field, or a key that was sent with another request before", body = problem::Body, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was charged; see Retry-After", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn pay(
    State(state): State<AppState>,
    base: BaseUrl,
    IdempotencyKey(key): IdempotencyKey,
    Json(request): Json<PaymentRequest>,
) -> Result<Response, Problem> {
    let charge = request.into_charge()?;
    concerns_booking(charge.booking_id);
    if key.as_ref().is_some_and(|key| !charge.may_be_named(key)) {
        return Err(name_of_another_booking());
    }

    let outcome = pay_or_join(state, charge, key).await?;
    Ok(PaymentBody::answer(&base, &outcome))
}

/// Takes the payment, or waits for the request that does.
async fn pay_or_join(state: AppState, charge: Charge, key: Option<String>) -> Result<Outcome, Problem> {
    match state.in_progress.join(charge, key.clone())? {
        Turn::Ours(turn) => {
            // Should the one who asked give up waiting, `Paid` tells what became of it.
            see_through(async move {
                let outcome = charge_and_keep(&state, charge, key.as_deref()).await;
                turn.end(&outcome);
                outcome
            })
            .await
        }
        Turn::Theirs(payment) => {
            payment.ended().await?;
            let known = find_known(&state, charge, key.as_deref()).await?;
            known.ok_or_else(|| Problem::internal(LostPayment))
        }
    }
}

/// Has the processor take the money, and keeps the payment. Nobody holds a connection while the processor thinks.
async fn charge_and_keep(state: &AppState, charge: Charge, key: Option<&str>) -> Result<Outcome, Problem> {
    if let Some(known) = find_known(state, charge, key).await? {
        return Ok(known);
    }
    state.processor.charge(charge.price).await?;
    crash::point("payment.charged");

    let mut tx = state.db.begin().await?;
    let outcome = take_payment(&mut tx, charge, key).await?;
    tx.commit().await?;
    crash::point("payment.taken");
    Ok(outcome)
}

/// What was taken for `charge` before; the key stands for it from now on.
async fn find_known(state: &AppState, charge: Charge, key: Option<&str>) -> Result<Option<Outcome>, Problem> {
    let known = find_taken(&mut state.db.read().await?, charge, key).await?;
    match known {
        Known::Nothing => Ok(None),
        Known::Payment(payment) => Ok(Some(Outcome::Known(payment))),
        Known::PaymentByAnotherName => {
            let mut tx = state.db.begin().await?;
            let outcome = repeat_payment(&mut tx, charge, key).await?;
            tx.commit().await?;
            Ok(Some(outcome))
        }
    }
}

/// All payments, oldest first.
#[utoipa::path(
    get,
    path = "/payments",
    tag = "payments",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of them", body = Collection<PaymentBody>, content_type = "application/hal+json"),
        (status = 422, description = "A wrong page or size", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(state): State<AppState>,
    base: BaseUrl,
    page: PageRequest,
) -> Result<impl IntoResponse, Problem> {
    let mut conn = state.db.read().await?;
    let (found, total) = list_payments(&mut conn, page.offset(), page.size).await?;
    let payments = found.iter().map(|payment| PaymentBody::resource(&base, payment)).collect();
    Ok(Hal(base.collection(PAYMENTS, "/payments", page, total, payments)))
}

/// One payment.
#[utoipa::path(
    get,
    path = "/payments/{id}",
    tag = "payments",
    params(("id" = i64, Path, description = "The payment's id")),
    responses(
        (status = 200, description = "The payment", body = Resource<PaymentBody>, content_type = "application/hal+json"),
        (status = 404, description = "No such payment", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(state): State<AppState>,
    base: BaseUrl,
    PathId(id): PathId<PaymentId>,
) -> Result<impl IntoResponse, Problem> {
    let mut conn = state.db.read().await?;
    let payment = find_payment(&mut conn, id).await?;
    let payment = payment.ok_or_else(|| Problem::not_found("payment", id))?;
    concerns_booking(payment.row().booking_id);
    Ok(Hal(PaymentBody::resource(&base, &payment)))
}

/// The payment of one booking: a collection of one, or of none.
#[utoipa::path(
    get,
    path = "/payments/search/findByBookingId",
    tag = "payments",
    params(BookingQuery),
    responses(
        (status = 200, description = "All there are", body = List<PaymentBody>, content_type = "application/hal+json"),
        (status = 422, description = "A wrong or missing bookingId", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn find_by_booking_id(
    State(state): State<AppState>,
    base: BaseUrl,
    Query(query): Query<BookingQuery>,
) -> Result<impl IntoResponse, Problem> {
    let booking_id = query.booking_id()?;
    concerns_booking(booking_id);
    let mut conn = state.db.read().await?;
    let found = find_payment_of(&mut conn, booking_id).await?;
    let payments = found.iter().map(|payment| PaymentBody::resource(&base, payment)).collect();
    let path = format!("/payments/search/findByBookingId?bookingId={booking_id}");
    Ok(Hal(base.list(PAYMENTS, &path, payments)))
}

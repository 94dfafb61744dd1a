//! Pay and look.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use events::{BookingId, PaymentId};
use http_api::extract::{IdempotencyKey, Json, PathId, Query};
use http_api::hal::{BaseUrl, Hal, List, Resource};
use http_api::problem::{self, Problem};
use http_server::outliving::run_to_end;
use http_server::request_log::record;
use service::Refusal;
use service::pages::{Collection, PageQuery, PageRequest, refuse_filters};

use super::error::name_of_another_booking;
use super::messages::{BookingQuery, InquiryRequest, PAYMENTS, PaymentBody, PaymentRequest};
use crate::AppState;
use crate::domain::Payment;
use crate::paying::{self, PayRequest};
use crate::store::payments;

/// Pays a booking, once: a repeat gets the payment that was taken.
///
/// A caller that gives up is not the end of it: the payment is seen through, and the caller asks again.
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
        (status = 409, description = "Charged before at another price, or the booking was canceled", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "A wrong field, or a key that was sent with another request before", body = problem::Body, content_type = "application/problem+json"),
        (status = 503, description = "This request charged nothing; see Retry-After", body = problem::Body, content_type = "application/problem+json"),
        (status = 504, description = "Whether the provider charged, or the charge was recorded, is unknown; the same request finds out", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn pay(
    State(state): State<AppState>,
    base: BaseUrl,
    IdempotencyKey(key): IdempotencyKey,
    Json(request): Json<PaymentRequest>,
) -> Result<Response, Refusal> {
    let (charge, token) = request.into_charge()?;
    record("booking_id", charge.booking_id);
    if key.as_ref().is_some_and(|key| !charge.may_have_key(key)) {
        return Err(name_of_another_booking().into());
    }

    let request = PayRequest { charge, token, key };
    let outcome = run_to_end(async move { paying::pay(&state, &request).await }).await?;
    Ok(PaymentBody::answer(&base, &outcome))
}

/// Finds out what became of a booking's payment: a charge that was not recorded, because the process that asked for it died, is
/// recorded now. For the book service alone, as the provider is asked.
#[utoipa::path(
    post,
    path = "/payments/inquiries",
    tag = "payments",
    request_body = InquiryRequest,
    responses(
        (status = 200, description = "The payment, or none so far", body = List<PaymentBody>, content_type = "application/hal+json"),
        (status = 422, description = "A wrong or missing bookingId", body = problem::Body, content_type = "application/problem+json"),
        (status = 503, description = "The provider cannot be asked now; see Retry-After", body = problem::Body, content_type = "application/problem+json"),
        (status = 504, description = "The provider did not answer, or a charge was found and not recorded; the same request finds out", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn inquire(
    State(state): State<AppState>,
    base: BaseUrl,
    Json(request): Json<InquiryRequest>,
) -> Result<impl IntoResponse, Refusal> {
    let booking_id = request.booking_id()?;
    record("booking_id", booking_id);
    let found = run_to_end(async move { paying::inquire(&state, booking_id).await }).await?;
    Ok(Hal(list_of(&base, booking_id, found.as_ref())))
}

fn list_of(base: &BaseUrl, booking_id: BookingId, found: Option<&Payment>) -> List<PaymentBody> {
    let payments = found.map(|payment| PaymentBody::resource(base, payment)).into_iter().collect();
    let path = format!("/payments/search/findByBookingId?bookingId={booking_id}");
    base.list(PAYMENTS, &path, payments)
}

/// All payments, oldest first.
#[utoipa::path(
    get,
    path = "/payments",
    tag = "payments",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of them", body = Collection<PaymentBody>, content_type = "application/hal+json"),
        (status = 422, description = "A wrong page, after or size; or sort, projection, bookingId or customerId", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(state): State<AppState>,
    base: BaseUrl,
    page: PageRequest,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, Refusal> {
    // A payment has no customer, and a booking's payment is found by `search/findByBookingId`.
    refuse_filters(query.as_deref(), &["bookingId", "customerId"])?;
    let mut conn = state.db.read().await?;
    let found = payments::page(&mut conn, page.slice()).await?;
    Ok(Hal(Collection::new(&base, PAYMENTS, "/payments", page, &found, |payment| {
        PaymentBody::resource(&base, payment)
    })))
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
) -> Result<impl IntoResponse, Refusal> {
    let mut conn = state.db.read().await?;
    let payment = payments::find(&mut conn, id).await?;
    let payment = payment.ok_or_else(|| Problem::not_found("payment", id))?;
    record("booking_id", payment.row().booking_id);
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
) -> Result<impl IntoResponse, Refusal> {
    let booking_id = query.booking_id()?;
    record("booking_id", booking_id);
    let mut conn = state.db.read().await?;
    let found = payments::find_by_booking(&mut conn, booking_id).await?;
    Ok(Hal(list_of(&base, booking_id, found.as_ref())))
}

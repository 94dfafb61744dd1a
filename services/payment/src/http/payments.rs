//! `/payments`: pay, inquire, list, show, search.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use events::{BookingId, PaymentId};
use http_api::extract::{IdempotencyKey, Json, PathId, Query};
use http_api::hal::{BaseUrl, Hal};
use http_api::problem::{self, Problem};
use http_server::outliving::run_to_end;
use http_server::request_log::record;
use service::Refusal;
use service::pages::{Collection, PageQuery, PageRequest, refuse_filters};

use super::error::key_of_another_booking;
use super::messages::{
    BookingQuery, InquiryRequest, PaymentBody, PaymentList, PaymentPage, PaymentRequest, PaymentResource,
};
use crate::AppState;
use crate::domain::Payment;
use crate::paying::{self, PayRequest};
use crate::store::payments;

/// Pays for a booking, once. Only the book service may call this.
///
/// A repeated request returns the existing payment. A payment continues if its caller disconnects; to learn
/// the outcome, send the same request again.
#[utoipa::path(
    post,
    path = "/payments",
    operation_id = "createPayment",
    tag = "payments",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 128, pattern = "^[!-~]+$", description = "Identifies this request if it is sent again; kept for 24 hours")),
    request_body = PaymentRequest,
    responses(
        (status = 201, description = "Paid", body = PaymentResource, content_type = "application/hal+json"),
        (status = 200, description = "Already paid, at the same price", body = PaymentResource, content_type = "application/hal+json"),
        (status = 402, description = "Declined; nothing was charged", body = problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "Already charged at a different price, or the booking was canceled", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "Invalid fields, or a key that was used with a different body", body = problem::Body, content_type = "application/problem+json"),
        (status = 503, description = "This request charged nothing; see Retry-After", body = problem::Body, content_type = "application/problem+json"),
        (status = 504, description = "The provider may have charged, or the charge may not be recorded; send the same request again to find out", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn pay(
    State(state): State<AppState>,
    base: BaseUrl,
    IdempotencyKey(key): IdempotencyKey,
    Json(request): Json<PaymentRequest>,
) -> Result<Response, Refusal> {
    let (charge, token) = request.into_charge()?;
    record("booking_id", charge.booking_id.get());
    if key.as_ref().is_some_and(|key| !charge.may_have_key(key)) {
        return Err(key_of_another_booking().into());
    }

    let request = PayRequest { charge, token, key };
    let outcome = run_to_end(async move { paying::pay(&state, &request).await }).await?;
    Ok(PaymentBody::answer(&base, &outcome))
}

/// Finds the outcome of a booking's payment.
///
/// A charge that only the payment provider has recorded is recorded now. Only the book service may call this.
#[utoipa::path(
    post,
    path = "/payments/inquiries",
    operation_id = "inquirePayment",
    tag = "payments",
    request_body = InquiryRequest,
    responses(
        (status = 200, description = "The payment, or an empty list if there is none yet", body = PaymentList, content_type = "application/hal+json"),
        (status = 422, description = "An invalid or missing bookingId", body = problem::Body, content_type = "application/problem+json"),
        (status = 503, description = "The provider is unreachable; see Retry-After", body = problem::Body, content_type = "application/problem+json"),
        (status = 504, description = "The provider did not respond, or a charge was found but not recorded; send the same request again", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn inquire(
    State(state): State<AppState>,
    base: BaseUrl,
    Json(request): Json<InquiryRequest>,
) -> Result<impl IntoResponse, Refusal> {
    let booking_id = request.booking_id()?;
    record("booking_id", booking_id.get());
    let found = run_to_end(async move { paying::inquire(&state, booking_id).await }).await?;
    Ok(Hal(list_of(&base, booking_id, found.as_ref())))
}

fn list_of(base: &BaseUrl, booking_id: BookingId, found: Option<&Payment>) -> PaymentList {
    let payments = found.map(|payment| PaymentBody::resource(base, payment)).into_iter().collect();
    let path = format!("/payments/search/findByBookingId?bookingId={booking_id}");
    base.list(&path, payments)
}

/// All payments, oldest first.
#[utoipa::path(
    get,
    path = "/payments",
    operation_id = "listPayments",
    tag = "payments",
    params(PageQuery),
    responses(
        (status = 200, description = "One page of the payments", body = PaymentPage, content_type = "application/hal+json"),
        (status = 422, description = "Invalid page, after or size; or sort, projection, bookingId or customerId, which are not supported", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(state): State<AppState>,
    base: BaseUrl,
    page: PageRequest,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, Refusal> {
    // A payment has no customer, and `search/findByBookingId` finds the payment of a booking.
    refuse_filters(query.as_deref(), &["bookingId", "customerId"])?;
    let mut conn = state.db.read().await?;
    let found = payments::page(&mut conn, page.slice()).await?;
    Ok(Hal(Collection::new(&base, "/payments", page, &found, |payment| {
        PaymentBody::resource(&base, payment)
    })))
}

/// One payment.
#[utoipa::path(
    get,
    path = "/payments/{id}",
    operation_id = "showPayment",
    tag = "payments",
    params(("id" = i64, Path, minimum = 1, example = 1, description = "The id of the payment")),
    responses(
        (status = 200, description = "The payment", body = PaymentResource, content_type = "application/hal+json"),
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
    record("booking_id", payment.row().booking_id.get());
    Ok(Hal(PaymentBody::resource(&base, &payment)))
}

/// Finds the payment of a booking. The list has one payment or none.
#[utoipa::path(
    get,
    path = "/payments/search/findByBookingId",
    operation_id = "findPaymentsByBookingId",
    tag = "payments",
    params(BookingQuery),
    responses(
        (status = 200, description = "The payment, or an empty list", body = PaymentList, content_type = "application/hal+json"),
        (status = 422, description = "An invalid or missing bookingId", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn find_by_booking_id(
    State(state): State<AppState>,
    base: BaseUrl,
    Query(query): Query<BookingQuery>,
) -> Result<impl IntoResponse, Refusal> {
    let booking_id = query.booking_id()?;
    record("booking_id", booking_id.get());
    let mut conn = state.db.read().await?;
    let found = payments::find_by_booking(&mut conn, booking_id).await?;
    Ok(Hal(list_of(&base, booking_id, found.as_ref())))
}

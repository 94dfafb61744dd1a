//! Book, pay and look.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use events::BookingId;
use service_kit::extract::{Anything, IdempotencyKey, Json, OptionalJson, PathId, Query};
use service_kit::hal::{BaseUrl, Collection, Hal, PageQuery, PageRequest, Resource, filtered};
use service_kit::problem::{self, Problem};
use service_kit::request_log::{record, see_through};

use super::answer::answer;
use super::messages::{BOOKS, Book, BookRequest, CustomerQuery};
use crate::AppState;
use crate::app::{find_booking, list_bookings};
use crate::booking_protocol::{self, Request};

/// Books, and has the booking paid. With an `Idempotency-Key` a request can be sent again: there is one booking, which is
/// returned in its present state.
#[utoipa::path(
    post,
    path = "/books",
    tag = "books",
    params(("Idempotency-Key" = Option<String>, Header, description = "Names this request, for 24 hours: if it is sent again with the same body, the answer is the same booking in its present state")),
    request_body = BookRequest,
    responses(
        (status = 200, description = "The request was sent before with this key, and its booking was canceled or expired since", body = Resource<Book>, content_type = "application/hal+json"),
        (status = 201, description = "Booked and paid", body = Resource<Book>, content_type = "application/hal+json"),
        (status = 202, description = "Not paid yet: its places are held until `heldUntil`, `_links.payment` pays for it", body = Resource<Book>, content_type = "application/hal+json"),
        (status = 402, description = "Declined; nothing was booked", body = problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "Somebody else has a seat, or this request is already in progress", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "A wrong field", body = problem::Body, content_type = "application/problem+json"),
        (status = 503, description = "Payments cannot be taken now, and nothing was kept", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn book(
    State(state): State<AppState>,
    base: BaseUrl,
    IdempotencyKey(key): IdempotencyKey,
    Json(request): Json<BookRequest>,
) -> Result<Response, Problem> {
    let key = key.map(|key| request.key(key));
    let request = Request { order: request.into_order(), key };
    // Should the customer hang up, the booking is still settled: a declined one has no event that could do it later.
    let outcome = see_through(async move { booking_protocol::book(&state, request).await }).await?;
    answer(&base, outcome)
}

/// Pays for a booking that is held. A request that is repeated charges nothing more.
#[utoipa::path(
    post,
    path = "/books/{id}/payment",
    tag = "books",
    params(("id" = i64, Path, description = "The booking's id")),
    responses(
        (status = 201, description = "Booked and paid", body = Resource<Book>, content_type = "application/hal+json"),
        (status = 202, description = "Still not paid; its places are held until `heldUntil`", body = Resource<Book>, content_type = "application/hal+json"),
        (status = 402, description = "Declined; nothing was booked", body = problem::Body, content_type = "application/problem+json"),
        (status = 404, description = "No such booking", body = problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "The hold is over, the screening has begun, the booking is canceled, or its payment is already in progress", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn pay(
    State(state): State<AppState>,
    base: BaseUrl,
    PathId(id): PathId<BookingId>,
    // Read, so that no form of another site can pay; what is in it is ignored.
    _: OptionalJson<Anything>,
) -> Result<Response, Problem> {
    let outcome = see_through(async move { booking_protocol::pay(&state, id).await }).await?;
    answer(&base, outcome)
}

/// All bookings, or one customer's, oldest first.
#[utoipa::path(
    get,
    path = "/books",
    tag = "books",
    params(PageQuery, CustomerQuery),
    responses(
        (status = 200, description = "A page of them", body = Collection<Book>, content_type = "application/hal+json"),
        (status = 422, description = "A wrong page, after, size or customerId; or sort or projection", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(state): State<AppState>,
    base: BaseUrl,
    page: PageRequest,
    Query(query): Query<CustomerQuery>,
) -> Result<impl IntoResponse, Problem> {
    let mut conn = state.db.read().await?;
    let found = list_bookings(&mut conn, query.customer_id, page.slice()).await?;
    let path = filtered("/books", "customerId", query.customer_id);
    Ok(Hal(base.collection(BOOKS, &path, page, &found, |booking| Book::resource(&base, booking))))
}

/// One booking.
#[utoipa::path(
    get,
    path = "/books/{id}",
    tag = "books",
    params(("id" = i64, Path, description = "The booking's id")),
    responses(
        (status = 200, description = "The booking", body = Resource<Book>, content_type = "application/hal+json"),
        (status = 404, description = "No such booking", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(state): State<AppState>,
    base: BaseUrl,
    PathId(id): PathId<BookingId>,
) -> Result<impl IntoResponse, Problem> {
    record("booking_id", id);
    let mut conn = state.db.read().await?;
    let booking = find_booking(&mut conn, id).await?;
    let booking = booking.ok_or_else(|| Problem::not_found("booking", id))?;
    Ok(Hal(Book::resource(&base, &booking)))
}

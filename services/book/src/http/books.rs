//! Book, pay and read bookings.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use events::BookingId;
use http_api::extract::{Anything, IdempotencyKey, Json, OptionalJson, PathId, Query};
use http_api::hal::{BaseUrl, Hal};
use http_api::problem::{self, Problem};
use http_server::outliving::run_to_end;
use http_server::request_log::record;
use service::Refusal;
use service::pages::{Collection, PageQuery, PageRequest, filtered};

use super::answer::answer;
use super::messages::{Book, BookPage, BookRequest, BookResource, CustomerQuery};
use crate::AppState;
use crate::booking_protocol;
use crate::store::bookings;

/// Books and pays. A request with an `Idempotency-Key` can be repeated: there is one booking, which is
/// returned in its current state.
#[utoipa::path(
    post,
    path = "/books",
    operation_id = "createBook",
    tag = "books",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 128, pattern = "^[!-~]+$", description = "Identifies this request for 24 hours. A repeated request with the same body creates no second booking: it pays again for a held one, and otherwise returns the booking's current outcome")),
    request_body = BookRequest,
    responses(
        (status = 200, description = "The request was sent before with this key, and its booking has been canceled or has expired", body = BookResource, content_type = "application/hal+json"),
        (status = 201, description = "Booked and paid", body = BookResource, content_type = "application/hal+json"),
        (status = 202, description = "Not paid yet: its places are held until `heldUntil`, and `_links.payment` pays for it", body = BookResource, content_type = "application/hal+json"),
        (status = 402, description = "Declined; nothing was booked", body = problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "Places are taken or sold out, the screening has started, a limit of the customer is reached, the booking was canceled meanwhile, or this request is already in progress", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "An invalid field, no screening although the movie has some, or a key that was used with a different body", body = problem::Body, content_type = "application/problem+json"),
        (status = 503, description = "Payment is unavailable, and nothing was booked", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn book(
    State(state): State<AppState>,
    base: BaseUrl,
    IdempotencyKey(key): IdempotencyKey,
    Json(request): Json<BookRequest>,
) -> Result<Response, Refusal> {
    let key = key.map(|key| request.key(key));
    let order = request.into_order();
    // If the customer disconnects, the booking is settled all the same: no event would settle a declined one
    // later.
    let outcome = run_to_end(async move { booking_protocol::book(&state, order, key).await }).await?;
    Ok(answer(&base, outcome)?)
}

/// Pays for a held booking. A repeated request charges nothing more.
#[utoipa::path(
    post,
    path = "/books/{id}/payment",
    operation_id = "payBook",
    tag = "books",
    params(("id" = i64, Path, minimum = 1, example = 1, description = "The booking's id")),
    responses(
        (status = 201, description = "Booked and paid", body = BookResource, content_type = "application/hal+json"),
        (status = 202, description = "Still not paid; its places are held until `heldUntil`", body = BookResource, content_type = "application/hal+json"),
        (status = 402, description = "Declined; nothing was booked", body = problem::Body, content_type = "application/problem+json"),
        (status = 404, description = "No such booking", body = problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "The hold has expired, the screening has started, the booking is canceled, or its payment is already in progress", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "A body that is not a JSON object; none is needed", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn pay(
    State(state): State<AppState>,
    base: BaseUrl,
    PathId(id): PathId<BookingId>,
    // The body is ignored, but its type is checked: a form of another site must not pay.
    _: OptionalJson<Anything>,
) -> Result<Response, Refusal> {
    let outcome = run_to_end(async move { booking_protocol::pay(&state, id).await }).await?;
    Ok(answer(&base, outcome)?)
}

/// All bookings, or those of one customer, oldest first.
#[utoipa::path(
    get,
    path = "/books",
    operation_id = "listBooks",
    tag = "books",
    params(PageQuery, CustomerQuery),
    responses(
        (status = 200, description = "A page of bookings", body = BookPage, content_type = "application/hal+json"),
        (status = 422, description = "An invalid page, after, size or customerId; or sort or projection", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(state): State<AppState>,
    base: BaseUrl,
    page: PageRequest,
    Query(query): Query<CustomerQuery>,
) -> Result<impl IntoResponse, Refusal> {
    let mut conn = state.db.read().await?;
    let found = bookings::page(&mut conn, query.customer_id, page.slice()).await?;
    let path = filtered("/books", "customerId", query.customer_id);
    Ok(Hal(Collection::new(&base, &path, page, &found, |booking| Book::resource(&base, booking))))
}

/// One booking.
#[utoipa::path(
    get,
    path = "/books/{id}",
    operation_id = "showBook",
    tag = "books",
    params(("id" = i64, Path, minimum = 1, example = 1, description = "The booking's id")),
    responses(
        (status = 200, description = "The booking", body = BookResource, content_type = "application/hal+json"),
        (status = 404, description = "No such booking", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn show(
    State(state): State<AppState>,
    base: BaseUrl,
    PathId(id): PathId<BookingId>,
) -> Result<impl IntoResponse, Refusal> {
    record("booking_id", id.get());
    let mut conn = state.db.read().await?;
    let booking = bookings::find(&mut conn, id).await?;
    let booking = booking.ok_or_else(|| Problem::not_found("booking", id))?;
    Ok(Hal(Book::resource(&base, &booking)))
}

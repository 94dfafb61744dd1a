//! Book, pay and look.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use events::BookingId;
use http::StatusCode;
use jiff::Timestamp;
use service_kit::crash;
use service_kit::extract::{Anything, IdempotencyKey, Json, OptionalJson, PathId, Query};
use service_kit::hal::{BaseUrl, Collection, Hal, PageQuery, PageRequest, Resource};
use service_kit::problem::{self, Problem};
use service_kit::request_log::{concerns_booking, see_through};

use super::error::{
    booking_canceled, hold_expired, not_kept, payment_declined, request_in_progress, retry_after,
    screening_started,
};
use super::messages::{BOOKS, Book, BookRequest, CustomerQuery};
use super::wait::wait_until;
use crate::AppState;
use crate::app::{
    Begun, NotKept, OpenError, Opening, Settled, begin_payment, find_booking, list_bookings, open_booking,
};
use crate::domain::{Booking, Status};
use crate::paying::{Attempt, pay_and_settle};

/// Books: keeps the wish and holds its places, has it paid, settles it.
///
/// Whoever holds a connection never awaits the network, so these are two transactions with the payment between them. A
/// crash there leaves a held booking, which `Paid` settles if the money was taken, and the end of the hold if it was not.
/// With an `Idempotency-Key` the same request can be sent as often as one likes: there is one booking.
#[utoipa::path(
    post,
    path = "/books",
    tag = "books",
    params(("Idempotency-Key" = Option<String>, Header, description = "Names this request, for 24 hours: sent again with the same body it is answered by the same booking")),
    request_body = BookRequest,
    responses(
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
    let opening = Opening { order: request.into_order(), key };
    // Should the customer hang up, the booking is still settled: a declined one has no event that could do it later.
    let attempt = see_through(open_and_pay(state, opening)).await?;
    respond(&base, attempt)
}

/// Pays for a booking that is held; of one that is paid, or over, it says so. As often as one likes: it is paid once.
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
    let attempt = see_through(pay_again(state, id)).await?;
    respond(&base, attempt.ok_or_else(|| Problem::not_found("booking", id))?)
}

async fn open_and_pay(state: AppState, opening: Opening) -> Result<Attempt, Problem> {
    match open(&state, opening).await {
        Ok(booking) => Ok(pay_and_settle(&state, booking).await?),
        // Between the two, nothing may have been kept of it.
        Err(OpenError::Known(id)) => {
            Ok(pay_again(state, id).await?.unwrap_or(Attempt { settled: Err(NotKept::Gone), failure: None }))
        }
        Err(refused) => Err(refused.into()),
    }
}

async fn open(state: &AppState, opening: Opening) -> Result<Booking, OpenError> {
    if let Opening { order: Err(invalid), key: None } = opening {
        return Err(OpenError::Invalid(invalid));
    }
    let mut tx = state.db.begin().await?;
    let booking = open_booking(&mut tx, opening, &state.cinema, &state.rules).await?;
    tx.commit().await?;
    concerns_booking(booking.id());
    crash::point("book.opened");
    Ok(booking)
}

/// `None`: there is no such booking.
async fn pay_again(state: AppState, id: BookingId) -> Result<Option<Attempt>, Problem> {
    concerns_booking(id);
    let mut tx = state.db.begin().await?;
    let begun = begin_payment(&mut tx, id, &state.rules).await?;
    tx.commit().await?;
    let settled = match begun {
        None => return Ok(None),
        Some(Begun::Attempt(booking)) => return Ok(Some(pay_and_settle(&state, booking).await?)),
        // Whoever is paying is waited for: all who ask at once are answered the same.
        Some(Begun::InProgress(booking)) => wait_for_payment(&state, booking).await?,
        Some(Begun::NotHeld(booking)) => Ok(booking),
        Some(Begun::Started) => return Err(screening_started()),
    };
    Ok(Some(Attempt { settled, failure: None }))
}

async fn wait_for_payment(state: &AppState, booking: Booking) -> Result<Settled, Problem> {
    let is_over = |booking: &Booking| !booking.is_paying(Timestamp::now());
    match wait_until(state, booking, state.rules.attempt, is_over).await? {
        Some(booking) if !is_over(&booking) => Err(request_in_progress()),
        Some(booking) => Ok(Ok(booking)),
        None => Ok(Err(NotKept::Gone)),
    }
}

/// Where the booking stands now is what its customer is told.
fn respond(base: &BaseUrl, attempt: Attempt) -> Result<Response, Problem> {
    let failure = attempt.failure;
    let booking = match attempt.settled {
        Ok(booking) => booking,
        Err(reason) => return Err(not_kept(reason, failure)),
    };
    match booking.status() {
        Status::PaymentPending => Ok(Book::held(base, &booking, retry_after(failure.as_ref()))),
        Status::Declined => Err(payment_declined()),
        Status::Expired => Err(hold_expired()),
        Status::Canceled => Err(booking_canceled()),
        Status::Registered | Status::PaidComplete => {
            Ok(Book::registered(base, &booking).located(StatusCode::CREATED))
        }
        Status::PrintComplete | Status::Canceling => {
            Ok(Book::resource(base, &booking).located(StatusCode::CREATED))
        }
    }
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
    let path = match query.customer_id {
        Some(customer) => format!("/books?customerId={customer}"),
        None => "/books".to_owned(),
    };
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
    concerns_booking(id);
    let mut conn = state.db.read().await?;
    let booking = find_booking(&mut conn, id).await?;
    let booking = booking.ok_or_else(|| Problem::not_found("booking", id))?;
    Ok(Hal(Book::resource(&base, &booking)))
}

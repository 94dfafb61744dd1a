//! Book and look.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use events::BookingId;
use http::StatusCode;
use service_kit::extract::{Json, PathId};
use service_kit::hal::{BaseUrl, Collection, Hal, PageQuery, PageRequest, Resource};
use service_kit::problem::{self, Problem};
use service_kit::request_log::{chain, concerns_booking, see_through};
use service_kit::upstream::CallError;

use super::error::{canceled_meanwhile, payment_declined, payment_unavailable};
use super::messages::{BOOKS, Book, BookRequest};
use crate::AppState;
use crate::app::{PaymentOutcome, find_booking, list_bookings, open_booking, settle_booking};
use crate::clients::PaymentAnswer;
use crate::domain::{Booking, Order, Status};

/// Books: keeps the wish, has it paid, settles it.
///
/// Whoever holds a connection never awaits the network, so these are two transactions with the payment between them. A
/// crash there leaves a pending booking, which `Paid` settles if the money was taken.
#[utoipa::path(
    post,
    path = "/books",
    tag = "books",
    request_body = BookRequest,
    responses(
        (status = 201, description = "Booked and paid", body = Resource<Book>, content_type = "application/hal+json"),
        (status = 202, description = "Whether it was paid is not known yet; see the booking later", body = Resource<Book>, content_type = "application/hal+json"),
        (status = 402, description = "Declined; nothing was booked", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "A wrong field", body = problem::Body, content_type = "application/problem+json"),
        (status = 503, description = "Payments cannot be taken now; nothing was kept", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn book(
    State(state): State<AppState>,
    base: BaseUrl,
    Json(request): Json<BookRequest>,
) -> Result<Response, Problem> {
    let order = request.into_order()?;
    // Should the customer hang up, the booking is still settled: a declined one has no event that could do it later.
    let (settled, failure) = see_through(open_pay_settle(state, order)).await?;
    respond(&base, settled, failure)
}

async fn open_pay_settle(
    state: AppState,
    order: Order,
) -> Result<(Option<Booking>, Option<CallError>), Problem> {
    let mut tx = state.db.begin().await?;
    let booking = open_booking(&mut tx, order, &state.cinema).await?;
    tx.commit().await?;
    concerns_booking(booking.id());

    let answer = state.payments.pay(&booking).await;
    let (outcome, failure) = weigh(answer);

    match settle(&state, booking.id(), outcome).await {
        Ok(settled) => Ok((settled, failure)),
        // The booking is kept, and the money may have been taken: anything but "pending" would not be true.
        Err(error) if error.is_transient() => {
            tracing::warn!(cause = chain(&error), "the booking stays pending; `Paid` settles it");
            Ok((Some(booking), failure))
        }
        Err(error) => Err(error.into()),
    }
}

async fn settle(
    state: &AppState,
    id: BookingId,
    outcome: PaymentOutcome,
) -> Result<Option<Booking>, storage::Error> {
    let mut tx = state.db.begin().await?;
    let settled = settle_booking(&mut tx, id, outcome).await?;
    tx.commit().await?;
    Ok(settled)
}

/// What a payment call means for the booking.
fn weigh(answer: Result<PaymentAnswer, CallError>) -> (PaymentOutcome, Option<CallError>) {
    match answer {
        Ok(PaymentAnswer::Paid) => (PaymentOutcome::Paid, None),
        Ok(PaymentAnswer::Declined) => (PaymentOutcome::Declined, None),
        Err(failure @ CallError::NotSent { .. }) => (PaymentOutcome::NotReached, Some(failure)),
        Err(failure) => {
            tracing::warn!(cause = chain(&failure), "whether it was paid is not known yet");
            (PaymentOutcome::Unknown, Some(failure))
        }
    }
}

/// Where the booking stands now is what its customer is told.
fn respond(
    base: &BaseUrl,
    settled: Option<Booking>,
    failure: Option<CallError>,
) -> Result<Response, Problem> {
    let booking = settled.ok_or_else(|| payment_unavailable(failure))?;
    match booking.status() {
        Status::PaymentPending => Ok(Book::resource(base, &booking).located(StatusCode::ACCEPTED)),
        Status::Declined => Err(payment_declined()),
        Status::Canceled => Err(canceled_meanwhile()),
        Status::Registered | Status::PaidComplete | Status::PrintComplete | Status::Canceling => {
            Ok(Book::registered(base, &booking).located(StatusCode::CREATED))
        }
    }
}

/// All bookings, oldest first.
#[utoipa::path(
    get,
    path = "/books",
    tag = "books",
    params(PageQuery),
    responses(
        (status = 200, description = "A page of them", body = Collection<Book>, content_type = "application/hal+json"),
        (status = 422, description = "A wrong page or size", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    State(state): State<AppState>,
    base: BaseUrl,
    page: PageRequest,
) -> Result<impl IntoResponse, Problem> {
    let mut conn = state.db.read().await?;
    let (found, total) = list_bookings(&mut conn, page.offset(), page.size).await?;
    let books = found.iter().map(|booking| Book::resource(&base, booking)).collect();
    Ok(Hal(base.collection(BOOKS, "/books", page, total, books)))
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

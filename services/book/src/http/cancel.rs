//! Cancels bookings. The ticket service decides, so a request begins a saga, and waits a while for its end.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use events::BookingId;
use http::StatusCode;
use http_api::extract::{Anything, Json, OptionalJson, PathId};
use http_api::hal::{BaseUrl, Hal};
use http_api::problem::{self, FieldError, Problem};
use http_server::request_log::record;
use process::crash;
use service::Refusal;

use super::error::already_collected;
use super::messages::{Book, BookPatch, BookResource};
use crate::AppState;
use crate::app::request_cancel;
use crate::domain::{Booking, Status};
use crate::waiting::wait_until;

/// Cancels a booking whose ticket has not been collected.
#[utoipa::path(
    delete,
    path = "/books/{id}",
    operation_id = "deleteBook",
    tag = "books",
    params(("id" = i64, Path, minimum = 1, example = 1, description = "The booking's id")),
    responses(
        (status = 204, description = "Canceled: the ticket is void, and the money is refunded"),
        (status = 202, description = "The cancellation is still in progress", body = BookResource, content_type = "application/hal+json"),
        (status = 404, description = "No such booking", body = problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "The ticket was collected, the screening has started, or the booking was declined or has expired", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "A body that is not a JSON object; none is needed", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn delete(
    State(state): State<AppState>,
    base: BaseUrl,
    PathId(id): PathId<BookingId>,
    _: OptionalJson<Anything>,
) -> Result<Response, Refusal> {
    let booking = cancel(&state, id).await?;
    match booking.status() {
        Status::Canceled => Ok(StatusCode::NO_CONTENT.into_response()),
        Status::Canceling => Ok(Book::resource(&base, &booking).located(StatusCode::ACCEPTED)),
        _ => Err(already_collected().into()),
    }
}

/// Cancels a booking like DELETE, and returns the booking.
#[utoipa::path(
    patch,
    path = "/books/{id}",
    operation_id = "cancelBook",
    tag = "books",
    params(("id" = i64, Path, minimum = 1, example = 1, description = "The booking's id")),
    request_body = BookPatch,
    responses(
        (status = 200, description = "Canceled: the ticket is void, and the money is refunded", body = BookResource, content_type = "application/hal+json"),
        (status = 202, description = "The cancellation is still in progress", body = BookResource, content_type = "application/hal+json"),
        (status = 404, description = "No such booking", body = problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "The ticket was collected, the screening has started, or the booking was declined or has expired", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "Any status but Canceled", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn patch(
    State(state): State<AppState>,
    base: BaseUrl,
    PathId(id): PathId<BookingId>,
    Json(patch): Json<BookPatch>,
) -> Result<Response, Refusal> {
    if patch.status.as_deref() != Some("Canceled") {
        let error = FieldError::new("status", "must be \"Canceled\": a booking can only be canceled");
        return Err(Problem::invalid_fields(vec![error]).into());
    }
    let booking = cancel(&state, id).await?;
    match booking.status() {
        Status::Canceled => Ok(Hal(Book::resource(&base, &booking)).into_response()),
        Status::Canceling => Ok(Book::resource(&base, &booking).located(StatusCode::ACCEPTED)),
        _ => Err(already_collected().into()),
    }
}

async fn cancel(state: &AppState, id: BookingId) -> Result<Booking, Refusal> {
    record("booking_id", id.get());
    let mut tx = state.db.begin().await?;
    let booking = request_cancel(&mut tx, id).await?;
    tx.commit().await?;
    crash::point("book.cancel.requested");
    state.waiters.wake([id]);
    if booking.status() != Status::Canceling {
        return Ok(booking);
    }
    let is_over = |booking: &Booking| booking.status() != Status::Canceling;
    Ok(wait_until(state, id, state.cancel_wait, is_over).await?.unwrap_or(booking))
}

//! Cancel. The ticket service is the judge, so this begins a saga and waits a while for its end.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use events::BookingId;
use http::StatusCode;
use service_kit::extract::{Json, PathId};
use service_kit::hal::{BaseUrl, Hal, Resource};
use service_kit::problem::{self, FieldError, Problem};
use service_kit::request_log::concerns_booking;
use tokio::time::{Instant, sleep, sleep_until};

use super::error::already_collected;
use super::messages::{Book, BookPatch};
use crate::AppState;
use crate::app::{find_booking, request_cancel};
use crate::domain::{Booking, Status};

/// The end may be brought by an event that another replica applied, so the booking is also looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Cancels a booking whose ticket was not collected yet.
#[utoipa::path(
    delete,
    path = "/books/{id}",
    tag = "books",
    params(("id" = i64, Path, description = "The booking's id")),
    responses(
        (status = 204, description = "Canceled: the ticket is void, the money goes back"),
        (status = 202, description = "The cancel still runs", body = Resource<Book>, content_type = "application/hal+json"),
        (status = 404, description = "No such booking", body = problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "The ticket was collected already", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn delete(
    State(state): State<AppState>,
    base: BaseUrl,
    PathId(id): PathId<BookingId>,
) -> Result<Response, Problem> {
    let booking = cancel(&state, id).await?;
    match booking.status() {
        Status::Canceled => Ok(StatusCode::NO_CONTENT.into_response()),
        Status::Canceling => Ok(Book::resource(&base, &booking).located(StatusCode::ACCEPTED)),
        _ => Err(already_collected()),
    }
}

/// Cancels a booking: the same as DELETE, with the booking in the answer.
#[utoipa::path(
    patch,
    path = "/books/{id}",
    tag = "books",
    params(("id" = i64, Path, description = "The booking's id")),
    request_body = BookPatch,
    responses(
        (status = 200, description = "Canceled: the ticket is void, the money goes back", body = Resource<Book>, content_type = "application/hal+json"),
        (status = 202, description = "The cancel still runs", body = Resource<Book>, content_type = "application/hal+json"),
        (status = 404, description = "No such booking", body = problem::Body, content_type = "application/problem+json"),
        (status = 409, description = "The ticket was collected already", body = problem::Body, content_type = "application/problem+json"),
        (status = 422, description = "Another status than Canceled", body = problem::Body, content_type = "application/problem+json"),
    )
)]
pub async fn patch(
    State(state): State<AppState>,
    base: BaseUrl,
    PathId(id): PathId<BookingId>,
    Json(patch): Json<BookPatch>,
) -> Result<Response, Problem> {
    if patch.status.as_deref() != Some("Canceled") {
        let error = FieldError::new("status", "must be \"Canceled\": a booking can only be canceled");
        return Err(Problem::invalid_fields(vec![error]));
    }
    let booking = cancel(&state, id).await?;
    match booking.status() {
        Status::Canceled => Ok(Hal(Book::resource(&base, &booking)).into_response()),
        Status::Canceling => Ok(Book::resource(&base, &booking).located(StatusCode::ACCEPTED)),
        _ => Err(already_collected()),
    }
}

async fn cancel(state: &AppState, id: BookingId) -> Result<Booking, Problem> {
    concerns_booking(id);
    let mut tx = state.db.begin().await?;
    let booking = request_cancel(&mut tx, id).await?;
    tx.commit().await?;
    if booking.status() == Status::Canceling { wait_for_end(state, booking).await } else { Ok(booking) }
}

/// The booking once its cancel has ended, or as it is when the wait is over. No connection is held meanwhile.
async fn wait_for_end(state: &AppState, mut booking: Booking) -> Result<Booking, Problem> {
    let deadline = Instant::now() + state.cancel_wait;
    let mut applied = state.applied.clone();
    loop {
        applied.borrow_and_update();
        if let Some(now) = find_booking(&mut state.db.read().await?, booking.id()).await? {
            booking = now;
        }
        if booking.status() != Status::Canceling || Instant::now() >= deadline {
            return Ok(booking);
        }
        tokio::select! {
            _ = applied.changed() => {}
            () = sleep(LOOK_EVERY) => {}
            () = sleep_until(deadline) => {}
        }
    }
}

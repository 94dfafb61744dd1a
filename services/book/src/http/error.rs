//! Maps refusals of the use cases to problems.

use http::StatusCode;
use http_api::problem::{FieldError, Problem};
use service::Refusal;
use upstream::CallError;

use super::messages::invalid_fields;
use crate::app::{CreateScreeningError, RequestCancelError, Showing};
use crate::domain::CancelRefused;

/// The default `Retry-After` of a payment, in seconds.
const PAYMENT_RETRY_AFTER: u64 = 5;

/// 409: after the start of a screening, its bookings are neither made, paid nor canceled.
pub fn screening_started() -> Problem {
    conflict("screening-started", "The screening has already started.")
}

/// 422: a movie with screenings is booked only with one of them.
pub fn screening_required() -> Problem {
    let detail = "is required: this movie has screenings";
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "screening-required",
        "This movie has screenings. Choose one of them by its screeningId.",
    )
    .with_errors(vec![FieldError::new("screeningId", detail)])
}

/// 409: the hall is taken at that time.
fn theatre_taken(showing: Option<Showing>) -> Problem {
    let Some(Showing { id, movie_name, starts_at, ends_at }) = showing else {
        return conflict("theatre-taken", "The hall is occupied by another screening at that time.");
    };
    let detail = format!(
        "Screening {id} ({movie_name}) occupies that hall from {starts_at} to {ends_at}, and the hall must stay empty for some time before and after it."
    );
    conflict("theatre-taken", detail).with("screeningId", id.get())
}

/// 409, with the taken seats.
pub fn seat_taken(seats: Vec<String>) -> Problem {
    let errors =
        seats.iter().map(|seat| FieldError::new("seat", format!("{seat} is already taken"))).collect();
    conflict(
        "seat-taken",
        format!("These seats are already taken: {}. Nothing was booked.", seats.join(", ")),
    )
    .with_errors(errors)
    .with("seats", seats)
}

impl From<RequestCancelError> for Refusal {
    fn from(error: RequestCancelError) -> Self {
        Self::from(match error {
            RequestCancelError::NotFound(id) => Problem::not_found("booking", id),
            RequestCancelError::Refused(CancelRefused::AlreadyCollected) => already_collected(),
            RequestCancelError::Refused(refused @ CancelRefused::Declined) => {
                conflict("booking-declined", sentence(refused))
            }
            RequestCancelError::Refused(refused @ CancelRefused::Expired) => {
                conflict("hold-expired", sentence(refused))
            }
            RequestCancelError::Refused(CancelRefused::Started) => screening_started(),
            RequestCancelError::Storage(error) => return error.into(),
        })
    }
}

impl From<CreateScreeningError> for Refusal {
    fn from(error: CreateScreeningError) -> Self {
        Self::from(match error {
            CreateScreeningError::Invalid(invalid) => invalid_fields(invalid),
            CreateScreeningError::TheatreTaken(showing) => theatre_taken(showing),
            CreateScreeningError::Storage(error) => return error.into(),
        })
    }
}

/// 409: the ticket was collected first.
pub fn already_collected() -> Problem {
    conflict("ticket-already-collected", sentence(CancelRefused::AlreadyCollected))
}

/// 402: the payment was declined.
pub fn payment_declined() -> Problem {
    Problem::new(
        StatusCode::PAYMENT_REQUIRED,
        "payment-declined",
        "The payment was declined. The booking has ended, and its places are released.",
    )
}

/// 503: nothing was booked, and the request may be repeated.
pub fn payment_unavailable(cause: Option<CallError>) -> Problem {
    let problem = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "payment-unavailable",
        "Payment is unavailable at the moment. Nothing was booked; please try again in a few seconds.",
    )
    .retry_after(retry_after(cause.as_ref()));
    match cause {
        Some(cause) => problem.caused_by(cause),
        None => problem,
    }
}

/// 409: the booking could not be paid, and its customer has the maximum number of held bookings.
pub fn too_many_held(cause: Option<&CallError>) -> Problem {
    conflict(
        "too-many-held",
        "Payment is unavailable at the moment, and you already have the maximum number of unpaid bookings. Nothing was booked.",
    )
    .retry_after(retry_after(cause))
}

/// 409: the limit of places per customer and screening.
pub fn too_many_places(max: i64) -> Problem {
    conflict("too-many-places", format!("A customer can book at most {max} places for one screening."))
}

/// 409: too few places are left in general admission.
pub fn sold_out() -> Problem {
    conflict("sold-out", "There are not enough places left. Nothing was booked.")
}

/// 422: the key was used for a different request.
pub fn key_reused() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
        "This Idempotency-Key was already used with a different body.",
    )
}

/// When the client may try to pay again, in seconds.
pub fn retry_after(failure: Option<&CallError>) -> u64 {
    let known = failure.and_then(CallError::retry_after);
    known.map_or(PAYMENT_RETRY_AFTER, |wait| wait.as_secs_f64().ceil() as u64).max(1)
}

/// 409: the same request is already being served, or its booking is already being paid.
pub fn request_in_progress() -> Problem {
    conflict("request-in-progress", "This request is already in progress. Please try again in a moment.")
        .retry_after(1)
}

/// 409: the hold has expired.
pub fn hold_expired() -> Problem {
    conflict("hold-expired", "The booking was not paid in time, and its places have been released.")
}

/// 409: the booking was canceled, possibly while it was being paid.
pub fn booking_canceled() -> Problem {
    conflict("booking-canceled", "The booking was canceled. Any payment is refunded.")
}

fn conflict(slug: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::CONFLICT, slug, detail)
}

fn sentence(refused: CancelRefused) -> String {
    let mut text = format!("{refused}.");
    text[..1].make_ascii_uppercase();
    text
}

//! Maps each outcome of a booking to an HTTP response.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http_api::hal::{BaseUrl, Hal};
use http_api::problem::Problem;

use super::error::{
    booking_canceled, hold_expired, key_reused, payment_declined, payment_unavailable, request_in_progress,
    retry_after, screening_required, screening_started, seat_taken, sold_out, too_many_held, too_many_places,
};
use super::messages::{Book, invalid_fields};
use crate::app::Outcome;
use crate::domain::{Booking, Status};

/// The response for an outcome.
///
/// # Errors
///
/// When the outcome is a refusal.
pub fn answer(base: &BaseUrl, outcome: Outcome) -> Result<Response, Problem> {
    Err(match outcome {
        Outcome::Booked(booking) => return Ok(booked(base, &booking)),
        Outcome::Held(booking, failure) => {
            return Ok(Book::held(base, &booking, retry_after(failure.as_ref())));
        }
        Outcome::Ended(booking) => return Ok(Hal(Book::resource(base, &booking)).into_response()),
        Outcome::Declined => payment_declined(),
        Outcome::Expired(_) => hold_expired(),
        Outcome::Canceled(_) => booking_canceled(),
        Outcome::NotFound(id) => Problem::not_found("booking", id),
        Outcome::InProgress => request_in_progress(),
        Outcome::KeyReused => key_reused(),
        Outcome::Invalid(invalid) => invalid_fields(invalid),
        Outcome::ScreeningRequired => screening_required(),
        Outcome::Started => screening_started(),
        Outcome::SeatTaken(seats) => seat_taken(seats),
        Outcome::SoldOut => sold_out(),
        Outcome::TooManyPlaces(max) => too_many_places(max),
        Outcome::TooManyOfCustomer(failure) => too_many_held(failure.as_ref()),
        Outcome::NotKept(failure) => payment_unavailable(failure),
    })
}

/// 201, with the status `Registered` even if `Paid` has already completed the booking.
fn booked(base: &BaseUrl, booking: &Booking) -> Response {
    let resource = match booking.status() {
        Status::Registered | Status::PaidComplete => Book::registered(base, booking),
        _ => Book::resource(base, booking),
    };
    resource.located(StatusCode::CREATED)
}

//! The JSON of requests and responses.

use events::{BookingId, CustomerId, ScreeningId};
use http_api::hal::{BaseUrl, Names, Resource};
use http_api::problem::{FieldError, Problem};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain;

/// The names of tickets in links and collections.
pub const TICKETS: Names = Names { relation: "ticket", plural: "tickets" };

/// A change of a ticket; a customer can only collect it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TicketPatch {
    /// Only `Printed`.
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(example = "Printed")]
    status: Option<String>,
}

impl TicketPatch {
    /// Checks that the new status is `Printed`.
    ///
    /// # Errors
    ///
    /// 422 for any status other than `Printed`.
    pub fn check(&self) -> Result<(), Problem> {
        if self.status.as_deref() == Some("Printed") {
            return Ok(());
        }
        let error = FieldError::new("status", "must be \"Printed\": a ticket can only be collected");
        Err(Problem::invalid_fields(vec![error]))
    }
}

/// The filter of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct CustomerQuery {
    /// Only the tickets of this customer.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_id")]
    #[param(value_type = Option<i64>, minimum = 1, example = 33)]
    pub customer_id: Option<CustomerId>,
}

/// The filter of the search.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct BookingQuery {
    /// The id of the booking.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_id")]
    #[param(required = true, value_type = i64, minimum = 1, example = 1)]
    booking_id: Option<BookingId>,
}

impl BookingQuery {
    /// Returns the booking id, which is required.
    ///
    /// # Errors
    ///
    /// 422 if it is missing.
    pub fn booking_id(&self) -> Result<BookingId, Problem> {
        self.booking_id.ok_or_else(|| {
            let error = FieldError::new("bookingId", "is required");
            Problem::invalid_fields(vec![error])
        })
    }
}

/// A ticket.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// The same as `bookingId`, because a booking has one ticket.
    #[schema(example = 1)]
    id: i64,
    #[schema(example = 1)]
    booking_id: i64,
    #[schema(example = "soul")]
    movie_name: Option<String>,
    #[schema(example = 2)]
    qty: Option<i64>,
    /// Comma-separated seats; null in general admission.
    #[schema(example = "1A,2B")]
    seat: Option<String>,
    #[schema(example = 33)]
    customer_id: Option<i64>,
    /// Omitted if the booking has no screening, and in tickets from before this field existed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 5)]
    screening_id: Option<i64>,
    /// The theatre. It, the hall and the times are present if `screeningId` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Hall 1")]
    theatre: Option<String>,
    /// The hall's name, or that of the theatre if its halls have no names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Hall 1")]
    hall: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-12-01T19:30:00Z")]
    starts_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-12-01T21:30:00Z")]
    ends_at: Option<Timestamp>,
    /// `Waiting`, `Printing`, `Printed` or `Canceled`.
    #[schema(example = "Waiting")]
    status: String,
}

impl Ticket {
    pub fn resource(base: &BaseUrl, ticket: &domain::Ticket) -> Resource<Self> {
        let row = ticket.row();
        let id = ticket.id();
        let ticket = Self {
            id: id.get(),
            booking_id: row.booking_id.get(),
            movie_name: row.movie_name.clone(),
            qty: row.qty,
            seat: row.seat.clone(),
            customer_id: row.customer_id.map(CustomerId::get),
            screening_id: row.screening.screening_id.map(ScreeningId::get),
            theatre: row.screening.theatre.clone(),
            hall: row.screening.hall.clone(),
            starts_at: row.screening.starts_at,
            ends_at: row.screening.ends_at,
            status: row.status.to_string(),
        };
        base.resource(TICKETS, id, ticket)
    }
}

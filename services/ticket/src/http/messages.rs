//! The JSON of requests and responses.

use events::{BookingId, CustomerId, ScreeningId};
use http_api::hal::{BaseUrl, List, Listed, Names, Resource};
use http_api::problem::{FieldError, Problem};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use service::pages::Collection;
use utoipa::{IntoParams, ToSchema};

use crate::domain::{self, Status};

/// The names of tickets in links and collections.
pub const TICKETS: Names = Names { relation: "ticket", plural: "tickets" };

/// A ticket with its links.
pub type TicketResource = Resource<Ticket>;
/// A page of tickets.
pub type TicketPage = Collection<Ticket>;
/// All tickets of a booking.
pub type TicketList = List<Ticket>;

impl Listed for Ticket {
    const NAMES: Names = TICKETS;
}

/// A change of a ticket: it can only be collected.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TicketPatch {
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(value_type = CollectedStatus, required = true)]
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

/// The only status that a client can set.
#[derive(ToSchema)]
#[schema(example = "Printed")]
#[expect(dead_code, reason = "only its schema is used")]
enum CollectedStatus {
    Printed,
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

/// The state of a ticket: `Waiting` until it is collected, `Printing` while its points are being granted,
/// `Printed` once it is collected, and `Canceled` if its booking was canceled, which makes it void.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(example = "Waiting")]
pub enum TicketStatus {
    Waiting,
    Printing,
    Printed,
    Canceled,
}

impl From<Status> for TicketStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Waiting => Self::Waiting,
            Status::Printing => Self::Printing,
            Status::Printed => Self::Printed,
            Status::Canceled => Self::Canceled,
        }
    }
}

/// A ticket.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// The same as `bookingId`, because a booking has one ticket.
    #[schema(example = 1)]
    id: i64,
    /// The id of the booking.
    #[schema(example = 1)]
    booking_id: i64,
    /// The movie; null if the booking names none.
    #[schema(required = true, example = "soul")]
    movie_name: Option<String>,
    /// The number of places.
    #[schema(required = true, example = 2)]
    qty: Option<i64>,
    /// Comma-separated seats; null in general admission.
    #[schema(required = true, example = "1A,2B")]
    seat: Option<String>,
    /// The customer; null if the booking names none.
    #[schema(required = true, example = 33)]
    customer_id: Option<i64>,
    /// The screening; absent if the booking has none, and in some old tickets.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 5)]
    screening_id: Option<i64>,
    /// The theatre. It, the hall and the times are present if `screeningId` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Hall 1")]
    theatre: Option<String>,
    /// The hall's name, or that of the theatre if its halls have no names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "Hall 1")]
    hall: Option<String>,
    /// When the screening starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, format = DateTime, example = "2026-12-01T19:30:00Z")]
    starts_at: Option<Timestamp>,
    /// When the screening ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, format = DateTime, example = "2026-12-01T21:30:00Z")]
    ends_at: Option<Timestamp>,
    status: TicketStatus,
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
            status: row.status.into(),
        };
        base.resource(TICKETS, id, ticket)
    }
}

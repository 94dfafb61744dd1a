//! The JSON of requests and responses.

use events::{BookingId, CustomerId, ScreeningId, TicketId};
use http_api::hal::{BaseUrl, Names, Resource};
use http_api::problem::{FieldError, Problem};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Status, Story};

/// The names of bookings in mypage's links and collections.
pub const MYPAGES: Names = Names { relation: "mypage", plural: "mypages" };

/// The filter of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct CustomerQuery {
    /// Only the bookings of this customer.
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

/// A booking as its customer sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mypage {
    /// The same as `bookingId`.
    #[schema(example = 1)]
    id: i64,
    #[schema(example = 1)]
    booking_id: i64,
    #[schema(example = 33)]
    customer_id: Option<i64>,
    #[schema(example = "soul")]
    movie_name: Option<String>,
    /// Comma-separated seats; null in general admission.
    #[schema(example = "1A,2B")]
    seat: Option<String>,
    #[schema(example = 2)]
    qty: Option<i64>,
    /// In the smallest unit of the currency.
    #[schema(example = 10000)]
    price: Option<i64>,
    /// Omitted if the booking has no screening, and in bookings from before this field existed.
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
    /// `PaymentPending` while its places are held unpaid, then `Booked`, `Declined`, `Expired` or `Canceled`;
    /// a booking that was paid at once begins with `Booked`. `Booked` ends as `Printed` or `Canceled`.
    #[schema(example = "Booked")]
    status: String,
    /// The end of the hold; present while the status is `PaymentPending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-12-01T18:40:00Z")]
    held_until: Option<Timestamp>,
    /// The points granted for the ticket; 0 until it is collected.
    #[schema(example = 0)]
    score: i64,
    /// Null until the ticket is created.
    #[schema(example = 1)]
    ticket_id: Option<i64>,
    /// The time of the latest event.
    #[schema(value_type = String, format = DateTime, example = "2021-02-23T13:32:28Z")]
    updated_at: Timestamp,
    /// The events of the booking, sorted by time.
    timeline: Vec<Entry>,
}

/// An event of a booking.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Entry {
    /// The event's type. The end of a hold is `HoldExpired` if it ran out, `Canceled` if its customer
    /// canceled it, and `Declined` if its payment was declined.
    #[schema(example = "Booked")]
    event: String,
    #[schema(value_type = String, format = DateTime, example = "2021-02-23T13:32:28Z")]
    at: Timestamp,
}

impl Mypage {
    pub fn resource(base: &BaseUrl, story: &Story) -> Resource<Self> {
        let mypage = &story.mypage;
        let order = mypage.order.clone().unwrap_or_default();
        let status = mypage.status();
        let timeline = story.timeline.iter().map(|entry| Entry { event: entry.event.clone(), at: entry.at });
        let entity = Self {
            id: mypage.booking_id.get(),
            booking_id: mypage.booking_id.get(),
            customer_id: order.customer_id.map(CustomerId::get),
            movie_name: order.movie_name,
            seat: order.seat,
            qty: order.qty,
            price: order.price,
            screening_id: order.screening.screening_id.map(ScreeningId::get),
            theatre: order.screening.theatre,
            hall: order.screening.hall,
            starts_at: order.screening.starts_at,
            ends_at: order.screening.ends_at,
            status: status.to_string(),
            held_until: mypage.held_until.filter(|_| status == Status::PaymentPending),
            score: mypage.points(),
            ticket_id: mypage.ticket_id.map(TicketId::get),
            updated_at: mypage.updated_at,
            timeline: timeline.collect(),
        };
        base.resource(MYPAGES, mypage.booking_id, entity)
    }
}

//! Requests and answers as JSON.

use events::{BookingId, CustomerId, ScreeningId, TicketId};
use http_api::hal::{BaseUrl, Names, Resource};
use http_api::problem::{FieldError, Problem};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Status, Story};

/// What a booking is called here in links and collections.
pub const MYPAGES: Names = Names { relation: "mypage", plural: "mypages" };

/// Whose bookings are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct CustomerQuery {
    /// Only the bookings of this customer.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_id")]
    #[param(value_type = Option<i64>, minimum = 1, example = 33)]
    pub customer_id: Option<CustomerId>,
}

/// Which booking is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct BookingQuery {
    /// The booking's id.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_id")]
    #[param(required = true, value_type = i64, minimum = 1, example = 1)]
    booking_id: Option<BookingId>,
}

impl BookingQuery {
    /// # Errors
    ///
    /// 422 when it was left out.
    pub fn booking_id(&self) -> Result<BookingId, Problem> {
        self.booking_id.ok_or_else(|| {
            let error = FieldError::new("bookingId", "must be given");
            Problem::invalid_fields(vec![error])
        })
    }
}

/// A booking as its customer sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mypage {
    /// Equal to `bookingId`.
    #[schema(example = 1)]
    id: i64,
    #[schema(example = 1)]
    booking_id: i64,
    #[schema(example = 33)]
    customer_id: Option<i64>,
    #[schema(example = "soul")]
    movie_name: Option<String>,
    /// Comma list of seats; null for general admission.
    #[schema(example = "1A,2B")]
    seat: Option<String>,
    #[schema(example = 2)]
    qty: Option<i64>,
    /// In the smallest unit of the currency.
    #[schema(example = 10000)]
    price: Option<i64>,
    /// Absent for a booking of a movie alone, and in bookings from before it was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 5)]
    screening_id: Option<i64>,
    /// The house. It, the hall and the times are there if `screeningId` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Hall 1")]
    theatre: Option<String>,
    /// The hall's name; that of the theatre where halls have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Hall 1")]
    hall: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-12-01T19:30:00Z")]
    starts_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-12-01T21:30:00Z")]
    ends_at: Option<Timestamp>,
    /// `PaymentPending` while its places are held unpaid, then `Booked`, `Declined`, `Expired` or `Canceled`; a booking that
    /// was paid at once begins with `Booked`. `Booked` ends as `Printed` or `Canceled`.
    #[schema(example = "Booked")]
    status: String,
    /// There while it is `PaymentPending`: its places are held until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-12-01T18:40:00Z")]
    held_until: Option<Timestamp>,
    /// 0 from the start; once the ticket is collected, what was granted for it.
    #[schema(example = 0)]
    score: i64,
    /// Null until the ticket is made.
    #[schema(example = 1)]
    ticket_id: Option<i64>,
    /// The time of the latest event.
    #[schema(value_type = String, format = DateTime, example = "2021-02-23T13:32:28Z")]
    updated_at: Timestamp,
    /// What has happened, by time.
    timeline: Vec<Entry>,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Entry {
    /// The event's type. The end of a hold is `HoldExpired` if it ran out, `Canceled` if its customer canceled it, and
    /// `Declined` if its payment was declined.
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

//! The JSON of requests and responses.

use events::{BookingId, CustomerId, ScreeningId, TicketId};
use http_api::hal::{BaseUrl, List, Listed, Names, Resource};
use http_api::problem::{FieldError, Problem};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use service::pages::Collection;
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Status, Story};

/// The names of bookings in mypage's links and collections.
pub const MYPAGES: Names = Names { relation: "mypage", plural: "mypages" };

/// A booking with its links.
pub type MypageResource = Resource<Mypage>;
/// A page of bookings.
pub type MypagePage = Collection<Mypage>;
/// The booking with an id, if there is one.
pub type MypageList = List<Mypage>;

impl Listed for Mypage {
    const NAMES: Names = MYPAGES;
}

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

/// The state of a booking as its customer sees it: `PaymentPending` while its places are held unpaid, then
/// `Booked`, `Declined`, `Expired` or `Canceled`. A booking that was paid at once begins with `Booked`.
/// `Booked` ends as `Printed`, which means that its ticket was collected, or as `Canceled`.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(example = "Booked")]
pub enum MypageStatus {
    PaymentPending,
    Booked,
    Declined,
    Expired,
    Canceled,
    Printed,
}

impl From<Status> for MypageStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::PaymentPending => Self::PaymentPending,
            Status::Booked => Self::Booked,
            Status::Declined => Self::Declined,
            Status::Expired => Self::Expired,
            Status::Canceled => Self::Canceled,
            Status::Printed => Self::Printed,
        }
    }
}

/// A booking as its customer sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mypage {
    /// The same as `bookingId`.
    #[schema(example = 1)]
    id: i64,
    /// The id of the booking.
    #[schema(example = 1)]
    booking_id: i64,
    /// The customer; null if the booking names none.
    #[schema(required = true, example = 33)]
    customer_id: Option<i64>,
    /// The movie; null if the booking names none.
    #[schema(required = true, example = "soul")]
    movie_name: Option<String>,
    /// Comma-separated seats; null in general admission.
    #[schema(required = true, example = "1A,2B")]
    seat: Option<String>,
    /// The number of places.
    #[schema(required = true, example = 2)]
    qty: Option<i64>,
    /// The price of all places, in the smallest unit of the currency.
    #[schema(required = true, example = 10000)]
    price: Option<i64>,
    /// The screening; absent if the booking has none, and in some old bookings.
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
    status: MypageStatus,
    /// The end of the hold; present while the status is `PaymentPending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, format = DateTime, example = "2026-12-01T18:40:00Z")]
    held_until: Option<Timestamp>,
    /// The points granted for the ticket; 0 until it is collected.
    #[schema(example = 0)]
    score: i64,
    /// The ticket; null until it is created.
    #[schema(required = true, example = 1)]
    ticket_id: Option<i64>,
    /// The time of the latest event.
    #[schema(value_type = String, format = DateTime, example = "2021-02-23T13:32:28Z")]
    updated_at: Timestamp,
    /// The events of the booking, sorted by time.
    timeline: Vec<Entry>,
}

/// An event of a booking.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = TimelineEntry)]
pub struct Entry {
    /// The event's type; later versions may have further ones. The end of a hold is `HoldExpired` if it ran
    /// out, `Canceled` if its customer canceled it, and `Declined` if its payment was declined.
    #[schema(example = "Booked")]
    event: String,
    /// When it happened.
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
            status: status.into(),
            held_until: mypage.held_until.filter(|_| status == Status::PaymentPending),
            score: mypage.points(),
            ticket_id: mypage.ticket_id.map(TicketId::get),
            updated_at: mypage.updated_at,
            timeline: timeline.collect(),
        };
        base.resource(MYPAGES, mypage.booking_id, entity)
    }
}

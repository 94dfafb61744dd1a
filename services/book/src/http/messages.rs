//! Requests and answers as JSON.

use events::CustomerId;
use serde::{Deserialize, Serialize};
use service_kit::hal::{BaseUrl, Names, Resource};
use service_kit::problem::{FieldError, Problem};
use utoipa::ToSchema;

use crate::domain::{Booking, Order, Status};

/// What a booking is called in links and collections.
pub const BOOKS: Names = Names { relation: "book", plural: "books" };

/// What a customer asks for. Numbers may be sent as text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BookRequest {
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(example = "soul", max_length = 200)]
    movie_name: Option<String>,
    /// Comma list of seats, each at most once; left out for general admission.
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(example = "1A,2B")]
    seat: Option<String>,
    /// The number of seats; 1 when neither it nor `seat` is there.
    #[serde(default, deserialize_with = "events::lenient::optional_integer")]
    #[schema(example = 2, minimum = 1, maximum = 20)]
    qty: Option<i64>,
    /// In the smallest unit of the currency.
    #[serde(default, deserialize_with = "events::lenient::optional_integer")]
    #[schema(example = 10000, minimum = 0)]
    total_price: Option<i64>,
    #[schema(value_type = Option<i64>, example = 33, minimum = 1)]
    customer_id: Option<CustomerId>,
}

impl BookRequest {
    /// # Errors
    ///
    /// 422 naming every wrong field.
    pub fn into_order(self) -> Result<Order, Problem> {
        let order = Order::parse(self.movie_name, self.seat, self.qty, self.total_price, self.customer_id);
        order.map_err(|invalid| {
            let errors = invalid.into_iter().map(|one| FieldError::new(one.field, one.detail)).collect();
            Problem::invalid_fields(errors)
        })
    }
}

/// The one change a customer can make.
#[derive(Debug, Deserialize, ToSchema)]
pub struct BookPatch {
    /// Only `Canceled`.
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(example = "Canceled")]
    pub status: Option<String>,
}

/// A booking.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Book {
    #[schema(example = 1)]
    id: i64,
    movie_name: Option<String>,
    seat: Option<String>,
    qty: i64,
    total_price: Option<i64>,
    /// The cinema.
    #[schema(example = "CGV")]
    name: String,
    /// `PaymentPending`, `Registered`, `PaidComplete`, `PrintComplete`, `Declined`, `Canceling` or `Canceled`.
    #[schema(example = "Registered")]
    status: String,
    customer_id: Option<i64>,
}

impl Book {
    /// `booking` as it is.
    pub fn resource(base: &BaseUrl, booking: &Booking) -> Resource<Self> {
        Self::with_status(base, booking, booking.status())
    }

    /// `booking` as it was when it was registered: what the one who booked is told, even if payment's own word has
    /// already moved it on.
    pub fn registered(base: &BaseUrl, booking: &Booking) -> Resource<Self> {
        Self::with_status(base, booking, Status::Registered)
    }

    fn with_status(base: &BaseUrl, booking: &Booking, status: Status) -> Resource<Self> {
        let row = booking.row();
        let book = Self {
            id: row.id.get(),
            movie_name: row.movie_name.clone(),
            seat: row.seat.clone(),
            qty: row.qty,
            total_price: row.total_price,
            name: row.name.clone(),
            status: status.to_string(),
            customer_id: row.customer_id.map(CustomerId::get),
        };
        base.resource(BOOKS, row.id, book)
    }
}

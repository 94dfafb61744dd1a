//! Requests and answers as JSON.

use axum::response::Response;
use events::{CustomerId, ScreeningId, text};
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use service_kit::hal::{BaseUrl, Names, Resource};
use service_kit::problem::{FieldError, Problem};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Booking, Invalid, Order, RequestKey, Seats, Status, Wish};

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
    /// In the smallest unit of the currency. With a screening it is the screening's, and can be left out.
    #[serde(default, deserialize_with = "events::lenient::optional_integer")]
    #[schema(example = 10000, minimum = 0)]
    total_price: Option<i64>,
    #[schema(value_type = Option<i64>, example = 33, minimum = 1)]
    customer_id: Option<CustomerId>,
    /// Which screening of the movie; left out, the movie is one showing.
    #[schema(value_type = Option<i64>, example = 5, minimum = 1)]
    screening_id: Option<ScreeningId>,
    /// Whether a booking that has to be held is paid without its customer, as soon as that is possible.
    #[serde(default, deserialize_with = "events::lenient::optional_flag")]
    #[schema(example = false, default = false)]
    pay_later: Option<bool>,
}

impl BookRequest {
    /// # Errors
    ///
    /// Every wrong field.
    pub fn into_order(self) -> Result<Order, Vec<Invalid>> {
        let wish = Wish {
            movie_name: self.movie_name,
            seat: self.seat,
            qty: self.qty,
            total_price: self.total_price,
            customer_id: self.customer_id,
            screening_id: self.screening_id,
            pay_later: self.pay_later.unwrap_or_default(),
        };
        Order::parse(wish)
    }

    /// What `key` names: this request, among those of its customer.
    pub fn key(&self, key: String) -> RequestKey {
        let scope = match self.customer_id {
            Some(customer) => format!("customer:{customer}"),
            None => "shared".to_owned(),
        };
        RequestKey { scope, key, fingerprint: self.fingerprint() }
    }

    /// The SHA-256 of the fields that were sent, in one normal form: the spelling of names and seats, the order of fields or
    /// of seats, and numbers as text make no difference. A text with a character that cannot be seen counts as it was sent.
    fn fingerprint(&self) -> String {
        let seats = |list: &String| {
            let mut seats = Seats::as_sent(list);
            seats.sort_unstable();
            seats.join(",")
        };
        // By name: the JSON keeps this order.
        let sent = [
            ("customerId", self.customer_id.map(|id| json!(id.get()))),
            ("movieName", self.movie_name.as_ref().map(|name| json!(text::request_key(name)))),
            ("payLater", self.pay_later.map(|flag| json!(flag))),
            ("qty", self.qty.map(|number| json!(number))),
            ("screeningId", self.screening_id.map(|id| json!(id.get()))),
            ("seat", self.seat.as_ref().map(|list| json!(seats(list)))),
            ("totalPrice", self.total_price.map(|number| json!(number))),
        ];
        let sent: Map<String, Value> =
            sent.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        let hash = Sha256::digest(Value::Object(sent).to_string());
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// 422: the fields that make no sense.
pub fn invalid_fields(invalid: Vec<Invalid>) -> Problem {
    let errors = invalid.into_iter().map(|one| FieldError::new(one.field, one.detail)).collect();
    Problem::invalid_fields(errors)
}

/// Whose bookings are looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct CustomerQuery {
    /// Only the bookings of this customer.
    #[serde(default, deserialize_with = "service_kit::extract::parameter::optional_id")]
    #[param(value_type = Option<i64>, minimum = 1, example = 33)]
    pub customer_id: Option<CustomerId>,
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
    /// `PaymentPending`, `Registered`, `PaidComplete`, `PrintComplete`, `Declined`, `Expired`, `Canceling` or `Canceled`.
    #[schema(example = "Registered")]
    status: String,
    customer_id: Option<i64>,
    /// There if it is a booking of a screening.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 5)]
    screening_id: Option<i64>,
    /// There while it waits for its payment: its places are kept until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-12-01T19:30:00Z")]
    held_until: Option<String>,
}

impl Book {
    /// `booking` as it is. One that is held says where to pay for it.
    pub fn resource(base: &BaseUrl, booking: &Booking) -> Resource<Self> {
        let mut resource = Self::with_status(base, booking, booking.status());
        if booking.status() == Status::PaymentPending {
            let path = format!("/books/{}/payment", booking.id());
            resource.links.insert("payment", base.link(&path));
        }
        resource
    }

    /// `booking` as it was when it was registered: what the one who booked is told, even if payment's own word has
    /// already moved it on.
    pub fn registered(base: &BaseUrl, booking: &Booking) -> Resource<Self> {
        Self::with_status(base, booking, Status::Registered)
    }

    /// 202: held until it is paid, which may be tried again after `retry_after` seconds.
    pub fn held(base: &BaseUrl, booking: &Booking, retry_after: u64) -> Response {
        let mut response = Self::resource(base, booking).located(StatusCode::ACCEPTED);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after));
        response
    }

    fn with_status(base: &BaseUrl, booking: &Booking, status: Status) -> Resource<Self> {
        let row = booking.row();
        let is_pending = status == Status::PaymentPending;
        let book = Self {
            id: row.id.get(),
            movie_name: row.movie_name.clone(),
            seat: row.seat.clone(),
            qty: row.qty,
            total_price: row.total_price,
            name: row.name.clone(),
            status: status.to_string(),
            customer_id: row.customer_id.map(CustomerId::get),
            screening_id: row.screening_id.map(ScreeningId::get),
            held_until: is_pending.then(|| row.hold.until.to_string()),
        };
        base.resource(BOOKS, row.id, book)
    }
}

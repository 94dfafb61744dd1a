//! The JSON of requests and responses about bookings.

use axum::response::Response;
use events::{CustomerId, ScreeningId, text};
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use http_api::hal::{BaseUrl, Links, Listed, Names, Resource};
use http_api::problem::{FieldError, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use service::pages::Collection;
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Booking, Invalid, Order, RequestKey, Seats, Status};

/// The names of bookings in links and collections.
pub const BOOKS: Names = Names { relation: "book", plural: "books" };

/// A booking with its links.
pub type BookResource = Resource<Book>;
/// A page of bookings.
pub type BookPage = Collection<Book>;

impl Listed for Book {
    const NAMES: Names = BOOKS;
}

/// A request to book. Numbers may be sent as text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
// Without seats, so that it can be sent any number of times.
#[schema(example = json!({"movieName": "soul", "qty": 2, "totalPrice": 10000}))]
pub struct BookRequest {
    /// The movie, in any spelling. It can be omitted with `screeningId`.
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(example = "soul", max_length = 200)]
    movie_name: Option<String>,
    /// Comma-separated seats, each at most once; omitted in general admission.
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(example = "1A,2B")]
    seat: Option<String>,
    /// The number of places; by default the number of seats, or 1 without `seat`.
    #[serde(default, deserialize_with = "events::lenient::optional_integer")]
    #[schema(example = 2, minimum = 1, maximum = 20)]
    qty: Option<i64>,
    /// In the smallest unit of the currency. For a screening it can be omitted, as the screening sets the
    /// price.
    #[serde(default, deserialize_with = "events::lenient::optional_integer")]
    #[schema(example = 10000, minimum = 0)]
    total_price: Option<i64>,
    /// The customer, by whom bookings, tickets and points can be listed.
    #[schema(value_type = Option<i64>, example = 33, minimum = 1)]
    customer_id: Option<CustomerId>,
    /// The screening of the movie. Required if the movie has screenings.
    #[schema(value_type = Option<i64>, example = 5, minimum = 1)]
    screening_id: Option<ScreeningId>,
    /// If the booking is held, pay for it without the customer as soon as payment works again; `false` if
    /// omitted.
    #[serde(default, deserialize_with = "events::lenient::optional_flag")]
    #[schema(example = false)]
    pay_later: Option<bool>,
}

impl BookRequest {
    /// Parses all fields into an order.
    ///
    /// # Errors
    ///
    /// All invalid fields.
    pub fn into_order(self) -> Result<Order, Vec<Invalid>> {
        let Self { customer_id, screening_id, pay_later, .. } = self;
        let order = Order::parse(self.movie_name, self.seat, self.qty, self.total_price)?;
        Ok(Order { customer_id, screening_id, pay_later: pay_later.unwrap_or_default(), ..order })
    }

    /// `key` in the scope of this request's customer, with the fingerprint of this request.
    pub fn key(&self, key: String) -> RequestKey {
        let scope = match self.customer_id {
            Some(customer) => format!("customer:{customer}"),
            None => "shared".to_owned(),
        };
        RequestKey { scope, key, fingerprint: self.fingerprint() }
    }

    /// The SHA-256 of the fields in a normal form: the spelling of names and seats, the order of fields or
    /// seats, and numbers as text make no difference. A text with an invisible character is hashed as it was
    /// sent.
    fn fingerprint(&self) -> String {
        let seats = |list: &String| {
            let mut seats = Seats::as_sent(list);
            seats.sort_unstable();
            seats.join(",")
        };
        // In the order of their names, which the JSON keeps.
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

/// 422: the invalid fields.
pub fn invalid_fields(invalid: Vec<Invalid>) -> Problem {
    let errors = invalid.into_iter().map(|one| FieldError::new(one.field, one.detail)).collect();
    Problem::invalid_fields(errors)
}

/// The filter of the list of bookings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct CustomerQuery {
    /// Only the bookings of this customer.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_id")]
    #[param(value_type = Option<i64>, minimum = 1, example = 33)]
    pub customer_id: Option<CustomerId>,
}

/// A change of a booking.
#[derive(Debug, Deserialize, ToSchema)]
pub struct BookPatch {
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(value_type = CanceledStatus, required = true)]
    pub status: Option<String>,
}

/// The only status that a client can set.
#[derive(ToSchema)]
#[schema(example = "Canceled")]
#[expect(dead_code, reason = "only its schema is used")]
enum CanceledStatus {
    Canceled,
}

/// The state of a booking: `PaymentPending` while its places are held unpaid, `Registered` once it is paid,
/// `PaidComplete` once its ticket is ordered, `PrintComplete` once its ticket is collected, `Declined` if its
/// payment was declined, `Expired` if it was not paid in time, `Canceling` while its cancellation is in
/// progress, and `Canceled`.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(example = "Registered")]
pub enum BookStatus {
    PaymentPending,
    Registered,
    PaidComplete,
    PrintComplete,
    Declined,
    Expired,
    Canceling,
    Canceled,
}

impl From<Status> for BookStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::PaymentPending => Self::PaymentPending,
            Status::Registered => Self::Registered,
            Status::PaidComplete => Self::PaidComplete,
            Status::PrintComplete => Self::PrintComplete,
            Status::Declined => Self::Declined,
            Status::Expired => Self::Expired,
            Status::Canceling => Self::Canceling,
            Status::Canceled => Self::Canceled,
        }
    }
}

/// A booking.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Book {
    /// The id of the booking.
    #[schema(example = 1)]
    id: i64,
    /// The movie; null if the request named none.
    #[schema(required = true, example = "soul")]
    movie_name: Option<String>,
    /// Comma-separated seats; null in general admission.
    #[schema(required = true, example = "1A,2B")]
    seat: Option<String>,
    /// The number of places.
    #[schema(example = 2)]
    qty: i64,
    /// The price of all places, in the smallest unit of the currency; null if the request named none.
    #[schema(required = true, example = 10000)]
    total_price: Option<i64>,
    /// The cinema.
    #[schema(example = "CGV")]
    name: String,
    status: BookStatus,
    /// The customer; null if the request named none.
    #[schema(required = true, example = 33)]
    customer_id: Option<i64>,
    /// Only in a booking of a screening.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 5)]
    screening_id: Option<i64>,
    /// Only while the booking is unpaid: its places are held until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime, example = "2026-12-01T19:30:00Z")]
    held_until: Option<String>,
}

impl Book {
    /// `booking` in its current state.
    pub fn resource(base: &BaseUrl, booking: &Booking) -> Resource<Self> {
        Self::with_status(base, booking, booking.status())
    }

    /// `booking` with the status `Registered`, even if `Paid` has already completed it.
    pub fn registered(base: &BaseUrl, booking: &Booking) -> Resource<Self> {
        Self::with_status(base, booking, Status::Registered)
    }

    /// 202: the booking is held. The client may try to pay again after `retry_after` seconds.
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
            status: status.into(),
            customer_id: row.customer_id.map(CustomerId::get),
            screening_id: row.screening_id.map(ScreeningId::get),
            held_until: is_pending.then(|| row.hold.until.to_string()),
        };
        let mut resource = base.resource(BOOKS, row.id, book);
        add_links(&mut resource.links, base, booking);
        resource
    }
}

/// Adds the links of `booking` to what other services know about it. `payment` of an unpaid one is where to pay.
fn add_links(links: &mut Links, base: &BaseUrl, booking: &Booking) {
    let id = booking.id();
    let payment = if booking.has_payment() {
        format!("/payments/search/findByBookingId?bookingId={id}")
    } else {
        format!("/books/{id}/payment")
    };
    links.insert("payment", base.link(&payment));
    if booking.has_ticket() {
        links.insert("ticket", base.link(&format!("/tickets/{id}")));
    }
    if booking.has_mypage() {
        links.insert("mypage", base.link(&format!("/mypages/{id}")));
    }
}

//! The JSON of requests and responses.

use events::{BookingId, CustomerId};
use http_api::hal::{BaseUrl, List, Listed, Names, Resource};
use http_api::problem::{FieldError, Problem};
use serde::{Deserialize, Serialize};
use service::pages::Collection;
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Entry, Grant, Status};

/// The names of the ledger's rows in links and collections.
pub const POINTS: Names = Names { relation: "point", plural: "points" };

/// A row of the ledger with its links.
pub type PointResource = Resource<Point>;
/// A page of the ledger.
pub type PointPage = Collection<Point>;
/// All rows of a booking.
pub type PointList = List<Point>;

impl Listed for Point {
    const NAMES: Names = POINTS;
}

/// A request to grant points. Numbers may be sent as text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PointRequest {
    /// The booking that earned them.
    #[schema(value_type = i64, required = true, example = 1, minimum = 1)]
    booking_id: Option<BookingId>,
    /// 100 if omitted.
    #[serde(default, deserialize_with = "events::lenient::optional_integer")]
    #[schema(example = 100, minimum = 1, maximum = 10000)]
    score: Option<i64>,
    /// The name of the movie that the points are for; if omitted, that of the waiting row.
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(example = "soul", max_length = 200)]
    contents: Option<String>,
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(value_type = Option<GrantedStatus>)]
    status: Option<String>,
    /// The customer who gets the points; if omitted, that of the waiting row.
    #[schema(value_type = Option<i64>, example = 33, minimum = 1)]
    customer_id: Option<CustomerId>,
}

impl PointRequest {
    /// Parses all fields into a grant.
    ///
    /// # Errors
    ///
    /// 422 with all invalid fields.
    pub fn into_grant(self) -> Result<Grant, Problem> {
        let grant = Grant::parse(
            self.booking_id,
            self.customer_id,
            self.score,
            self.contents,
            self.status.as_deref(),
        );
        grant.map_err(|invalid| {
            let errors = invalid.into_iter().map(|one| FieldError::new(one.field, one.detail)).collect();
            Problem::invalid_fields(errors)
        })
    }
}

/// The only status that a request can ask for.
#[derive(ToSchema)]
#[schema(example = "Pointed")]
#[expect(dead_code, reason = "only its schema is used")]
enum GrantedStatus {
    Pointed,
}

/// The filter of the search.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct BookingQuery {
    /// The id of the booking.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_id")]
    #[param(value_type = i64, required = true, example = 1, minimum = 1)]
    booking_id: Option<BookingId>,
}

impl BookingQuery {
    /// Returns the booking id, which is required.
    ///
    /// # Errors
    ///
    /// 422 if it is missing.
    pub fn booking_id(&self) -> Result<BookingId, Problem> {
        self.booking_id.ok_or_else(|| missing("bookingId"))
    }
}

/// The filter of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct LedgerQuery {
    /// Only the rows of this customer.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_id")]
    #[param(value_type = Option<i64>, minimum = 1, example = 33)]
    pub customer_id: Option<CustomerId>,
}

/// The customer of a balance.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct CustomerQuery {
    /// The id of the customer.
    #[serde(default, deserialize_with = "http_api::extract::parameter::optional_id")]
    #[param(value_type = i64, required = true, example = 33, minimum = 1)]
    customer_id: Option<CustomerId>,
}

impl CustomerQuery {
    /// Returns the customer id, which is required.
    ///
    /// # Errors
    ///
    /// 422 if it is missing.
    pub fn customer_id(&self) -> Result<CustomerId, Problem> {
        self.customer_id.ok_or_else(|| missing("customerId"))
    }
}

fn missing(field: &str) -> Problem {
    Problem::invalid_fields(vec![FieldError::new(field, "is required")])
}

/// What a row records: `Waiting Point` that the ticket is not collected yet, `Pointed` that its points are
/// granted.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(example = "Pointed")]
pub enum PointStatus {
    #[serde(rename = "Waiting Point")]
    Waiting,
    Pointed,
}

impl From<Status> for PointStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Waiting => Self::Waiting,
            Status::Pointed => Self::Pointed,
        }
    }
}

/// A row of the ledger.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// The id of the row.
    #[schema(example = 1)]
    id: i64,
    /// The booking that earned the points.
    #[schema(example = 1)]
    booking_id: i64,
    /// The customer; null if the booking names none.
    #[schema(required = true, example = 33)]
    customer_id: Option<i64>,
    /// The number of points; 0 in the waiting row.
    #[schema(example = 100)]
    score: i64,
    /// The name of the movie that the points are for.
    #[schema(required = true, example = "soul")]
    contents: Option<String>,
    status: PointStatus,
}

impl Point {
    pub fn resource(base: &BaseUrl, entry: &Entry) -> Resource<Self> {
        let row = entry.posting();
        let point = Self {
            id: entry.id().get(),
            booking_id: row.booking_id.get(),
            customer_id: row.customer_id.map(CustomerId::get),
            score: row.score,
            contents: row.contents.clone(),
            status: row.status.into(),
        };
        base.resource(POINTS, entry.id(), point)
    }
}

/// A customer's balance of points.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Balance {
    /// The customer.
    #[schema(value_type = i64, example = 33)]
    pub customer_id: CustomerId,
    /// The sum of the customer's points.
    #[schema(example = 100)]
    pub balance: i64,
}

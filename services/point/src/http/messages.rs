//! The JSON of requests and responses.

use events::{BookingId, CustomerId};
use http_api::hal::{BaseUrl, Names, Resource};
use http_api::problem::{FieldError, Problem};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{Entry, Grant};

/// The names of the ledger's rows in links and collections.
pub const POINTS: Names = Names { relation: "point", plural: "points" };

/// A request to grant points. Numbers may be sent as text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PointRequest {
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
    /// Only `Pointed`.
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(example = "Pointed")]
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

/// A row of the ledger.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    #[schema(example = 1)]
    id: i64,
    #[schema(example = 1)]
    booking_id: i64,
    #[schema(example = 33)]
    customer_id: Option<i64>,
    /// 0 in the waiting row.
    #[schema(example = 100)]
    score: i64,
    /// The name of the movie that the points are for.
    #[schema(example = "soul")]
    contents: Option<String>,
    /// `Waiting Point` or `Pointed`.
    #[schema(example = "Pointed")]
    status: String,
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
            status: row.status.to_string(),
        };
        base.resource(POINTS, entry.id(), point)
    }
}

/// A customer's balance of points.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Balance {
    #[schema(value_type = i64, example = 33)]
    pub customer_id: CustomerId,
    #[schema(example = 100)]
    pub balance: i64,
}

//! The JSON of requests and responses about the program.

use std::collections::BTreeMap;

use events::text::{NAME_MAX, NotAName};
use events::{Name, ScreeningId};
use form_urlencoded::Serializer;
use http_api::extract::time;
use http_api::hal::{BaseUrl, Listed, Names, Resource};
use http_api::problem::{FieldError, Problem};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use service::pages::Collection;
use utoipa::{IntoParams, ToSchema};

use super::messages::invalid_fields;
use crate::domain::{self, Announcement, Draft, SeatKind};
use crate::store::screenings::{self, Filter, SeatState};

/// The names of screenings in links and collections.
pub const SCREENINGS: Names = Names { relation: "screening", plural: "screenings" };

/// A screening with its links.
pub type ScreeningResource = Resource<Screening>;
/// A page of screenings.
pub type ScreeningPage = Collection<Screening>;
/// The seats of a screening, with links.
pub type SeatMapResource = Resource<SeatMap>;

impl Listed for Screening {
    const NAMES: Names = SCREENINGS;
}

/// A screening to announce: with `hall` and `prices`, or with `capacity` and `price`. Numbers may be sent as
/// text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
// Another movie than that of the example of a booking, which has no screening.
#[schema(example = json!({
    "movieName": "broker",
    "theatre": "Hall 1",
    "startsAt": "2027-06-01T19:30:00+09:00",
    "hall": { "rows": [{ "name": "1", "seats": "AB_CD", "priceClass": "premium" }, { "name": "2", "seats": "AB_CD" }] },
    "prices": { "standard": 12000, "premium": 15000 }
}))]
pub struct ScreeningRequest {
    /// The movie.
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(example = "broker", max_length = 200, required = true)]
    movie_name: Option<String>,
    /// The theatre, in which one screening at a time is shown.
    #[serde(default, deserialize_with = "events::lenient::optional_text")]
    #[schema(example = "Hall 1", max_length = 200, required = true)]
    theatre: Option<String>,
    /// The start, with seconds and an offset (RFC 3339): in the future, and at most a year ahead.
    #[serde(default, deserialize_with = "http_api::extract::time::optional_time")]
    #[schema(value_type = String, format = DateTime, example = "2027-06-01T19:30:00+09:00", required = true)]
    starts_at: Option<Timestamp>,
    /// The running time, in minutes; 120 if omitted.
    #[serde(default, deserialize_with = "events::lenient::optional_integer")]
    #[schema(example = 120, minimum = 1, maximum = 600)]
    running_minutes: Option<i64>,
    /// The seats; omitted in general admission.
    hall: Option<Hall>,
    /// The price of a seat of each price class, in the smallest unit of the currency.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, i64>, example = json!({"standard": 12000, "premium": 15000}))]
    prices: BTreeMap<String, Amount>,
    /// The number of places, in general admission.
    #[serde(default, deserialize_with = "events::lenient::optional_integer")]
    #[schema(minimum = 1)]
    capacity: Option<i64>,
    /// The price of a place, in general admission.
    #[serde(default, deserialize_with = "events::lenient::optional_integer")]
    #[schema(minimum = 0)]
    price: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Amount(#[serde(deserialize_with = "events::lenient::integer")] i64);

/// The layout of numbered seats.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct Hall {
    /// From the screen to the back.
    rows: Vec<HallRow>,
}

/// One row of a hall.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HallRow {
    /// The part of a seat's name before its letter: `1` of `1A`.
    #[serde(deserialize_with = "events::lenient::text")]
    #[schema(example = "1")]
    name: String,
    /// Letters from left to right, one for each seat; `_` is an aisle.
    #[schema(example = "AB_CDEF_GH")]
    seats: String,
    /// One of `prices`.
    #[serde(default = "standard")]
    #[schema(example = "standard")]
    price_class: String,
    /// The letters of its wheelchair seats.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(example = "A")]
    accessible: String,
    /// The letters of the companion seats beside them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(example = "B")]
    companion: String,
}

fn standard() -> String {
    "standard".to_owned()
}

impl ScreeningRequest {
    /// The layout as JSON, as it is stored.
    pub fn hall_as_text(&self) -> Option<String> {
        self.hall.as_ref().map(|hall| serde_json::to_string(hall).expect("text is JSON"))
    }

    /// Parses all fields into an announcement.
    ///
    /// # Errors
    ///
    /// 422 with all invalid fields.
    pub fn into_announcement(self) -> Result<Announcement, Problem> {
        let rows = self.hall.map(|hall| hall.rows.into_iter().map(HallRow::into_domain).collect());
        let prices = self.prices.into_iter().map(|(class, Amount(price))| (class, price)).collect();
        let draft = Draft {
            movie_name: self.movie_name,
            theatre: self.theatre,
            starts_at: self.starts_at,
            running_minutes: self.running_minutes,
            rows,
            prices,
            capacity: self.capacity,
            price: self.price,
        };
        Announcement::parse(draft).map_err(invalid_fields)
    }
}

impl HallRow {
    fn into_domain(self) -> domain::HallRow {
        let Self { name, seats, price_class, accessible, companion } = self;
        domain::HallRow { name, seats, price_class, accessible, companion }
    }
}

/// The filter of the program.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct ProgramQuery {
    /// Only screenings of this movie: its full name, in any spelling.
    #[param(example = "soul")]
    movie_name: Option<String>,
    /// Only screenings that start on this day, in UTC.
    #[param(example = "2026-12-01")]
    day: Option<String>,
}

impl ProgramQuery {
    /// Parses the parameters into a filter of screenings.
    ///
    /// # Errors
    ///
    /// 422 when the movie's name or the day is invalid.
    pub fn filter(&self) -> Result<Filter, Problem> {
        let movie_key = match self.movie_name.as_deref().map(|name| Name::parse(name, NAME_MAX)) {
            Some(Ok(name)) => Some(name.key().to_owned()),
            None | Some(Err(NotAName::Blank)) => None,
            Some(Err(error)) => {
                return Err(Problem::invalid_fields(vec![FieldError::new("movieName", error.to_string())]));
            }
        };
        let Some(day) = &self.day else {
            return Ok(Filter { movie_key, ..Filter::default() });
        };
        let bounds = || {
            let first = time::day(day)?;
            let midnight = |date: Date| Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp());
            Some((midnight(first)?, midnight(first.checked_add(1.day()).ok()?)?))
        };
        let (from, to) = bounds().ok_or_else(|| {
            Problem::invalid_fields(vec![FieldError::new("day", "must be a day, such as 2026-12-01")])
        })?;
        Ok(Filter { movie_key, from: Some(from), to: Some(to) })
    }

    /// The collection's path, with this filter.
    pub fn path(&self) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in [("movieName", &self.movie_name), ("day", &self.day)] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let query = query.finish();
        if query.is_empty() { "/screenings".to_owned() } else { format!("/screenings?{query}") }
    }
}

/// A screening.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Screening {
    /// The id of the screening.
    #[schema(example = 5)]
    id: i64,
    /// The movie.
    #[schema(example = "soul")]
    movie_name: String,
    /// The theatre.
    #[schema(example = "Hall 1")]
    theatre: String,
    /// The start.
    #[schema(format = DateTime, example = "2026-12-01T19:30:00Z")]
    starts_at: String,
    /// The start plus the running time.
    #[schema(format = DateTime, example = "2026-12-01T21:30:00Z")]
    ends_at: String,
    /// The number of seats or places.
    #[schema(example = 80)]
    capacity: i64,
    /// The number of places that are neither held nor sold.
    #[schema(example = 78)]
    places_left: i64,
    /// The price of a place, in general admission.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 12000)]
    price: Option<i64>,
    /// The layout, if the screening has numbered seats.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hall: Option<Hall>,
}

impl Screening {
    pub fn resource(base: &BaseUrl, screening: &screenings::Listed) -> Resource<Self> {
        let body = Self {
            id: screening.id.get(),
            movie_name: screening.movie_name.clone(),
            theatre: screening.theatre.clone(),
            starts_at: screening.starts_at.to_string(),
            ends_at: screening.ends_at.to_string(),
            capacity: screening.capacity,
            places_left: screening.places_left,
            price: screening.price,
            // The same type wrote it.
            hall: screening.hall.as_deref().and_then(|hall| serde_json::from_str(hall).ok()),
        };
        let mut resource = base.resource(SCREENINGS, screening.id, body);
        resource.links.insert("seats", base.link(&seats_path(screening.id)));
        resource
    }
}

/// The seats of a screening.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeatMap {
    /// The id of the screening.
    #[schema(example = 5)]
    screening_id: i64,
    /// The number of places that are neither held nor sold.
    #[schema(example = 78)]
    places_left: i64,
    /// Row by row, from left to right.
    seats: Vec<Seat>,
}

/// A seat of a screening.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Seat {
    /// The name by which the seat is booked.
    #[schema(example = "1A")]
    seat: String,
    /// The name of its row.
    #[schema(example = "1")]
    row: String,
    /// From left to right, from 0; an aisle has a number too.
    #[schema(example = 0)]
    column: i64,
    kind: Kind,
    /// The name of its price class.
    #[schema(example = "standard")]
    price_class: String,
    /// Its price, in the smallest unit of the currency.
    #[schema(example = 12000)]
    price: i64,
    state: State,
}

/// What a seat is for: `accessible` for a wheelchair, `companion` beside an accessible seat, or `standard`.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = SeatKind, example = "standard")]
enum Kind {
    Standard,
    Accessible,
    Companion,
}

/// Whether a seat can be booked: it is `available`, `held` by an unpaid booking, or `sold`.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = SeatState, example = "available")]
enum State {
    Available,
    Held,
    Sold,
}

impl SeatMap {
    pub fn resource(
        base: &BaseUrl,
        screening: &screenings::Listed,
        seats: &[(domain::Seat, SeatState)],
    ) -> Resource<Self> {
        let seats = seats.iter().map(|(seat, state)| Seat::of(seat, *state)).collect();
        let body = Self { screening_id: screening.id.get(), places_left: screening.places_left, seats };
        let mut resource = base.resource(SCREENINGS, screening.id, body);
        resource.links.insert("self", base.link(&seats_path(screening.id)));
        resource
    }
}

impl Seat {
    fn of(seat: &domain::Seat, state: SeatState) -> Self {
        Self {
            seat: seat.name.clone(),
            row: seat.row.clone(),
            column: seat.column_number,
            kind: match seat.kind {
                SeatKind::Standard => Kind::Standard,
                SeatKind::Accessible => Kind::Accessible,
                SeatKind::Companion => Kind::Companion,
            },
            price_class: seat.price_class.clone(),
            price: seat.price.get(),
            state: match state {
                SeatState::Available => State::Available,
                SeatState::Held => State::Held,
                SeatState::Sold => State::Sold,
            },
        }
    }
}

fn seats_path(id: ScreeningId) -> String {
    format!("/screenings/{id}/seats")
}
